"""The rules that hold for every method: see docs/conformance.md."""

from clbench.testing import conformance

test_conformance = conformance("loramoe")
test_moe_lora = conformance("moe-lora")
