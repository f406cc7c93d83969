"""The rules that hold for every method: see docs/conformance.md."""

from clbench.testing import conformance

test_conformance = conformance("lora")
test_migu = conformance("migu", identity={"migu.share": 1})
test_epi = conformance("epi")
test_inflora = conformance("inflora")
test_progressive = conformance("progressive-prompts")
test_l2p = conformance("l2p")
