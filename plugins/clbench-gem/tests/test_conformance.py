"""The rules that hold for every method: see docs/conformance.md."""

from clbench.testing import conformance

test_conformance = conformance("gem")
test_ogd = conformance("ogd", identity={"ogd.memory": 0})
