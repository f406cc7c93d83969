"""The rules that hold for every method: see docs/conformance.md."""

from clbench.testing import conformance

test_ssr = conformance("ssr", identity={"ssr.ratio": 0})
test_lamol = conformance("lamol", identity={"lamol.lm_weight": 0})
test_conformance = conformance("replay", identity={"replay.ratio": 0})
