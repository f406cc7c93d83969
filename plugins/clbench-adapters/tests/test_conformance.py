"""The rules that hold for every method: see docs/conformance.md."""

from clbench.testing import conformance

test_ilora = conformance("ilora")
test_conpet = conformance("conpet")
test_absa = conformance("absa-cl")
test_sapt = conformance("sapt")
