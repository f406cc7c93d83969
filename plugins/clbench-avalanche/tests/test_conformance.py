"""The rules that hold for every method, as far as one run shows them: see docs/conformance.md."""

from clbench.testing import conformance

PROPERTIES = (
    "loads",
    "light",
    "options",
    "learns",
    "resumes",
    "state",
    "footprint",
    "memory",
    "no-peeking",
    "no-writing",
)

test_conformance = conformance("avalanche", properties=PROPERTIES)
