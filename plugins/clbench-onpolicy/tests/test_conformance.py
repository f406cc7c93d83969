"""The rules that hold for every method: see docs/conformance.md."""

from clbench.testing import conformance

test_rft = conformance("rft", options={"rft.otherwise": "reference"}, identity={"rft.samples": 0})
test_grpo = conformance("grpo", options={"grpo.iterations": 2, "grpo.kl": 0.1, "grpo.samples": 2})
test_sdft = conformance("sdft")
