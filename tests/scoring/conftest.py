"""Real TRACE records for the tests that want them; the project holds no copy."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

Records = list[dict[str, str]]


@pytest.fixture(scope="session")
def trace_records() -> Callable[..., Records]:
    """Reads splits of a TRACE task below `$CLBENCH_TEST_DATA/trace`, or skips the test."""
    return _read


def _read(task: str, *splits: str) -> Records:
    root = os.environ.get("CLBENCH_TEST_DATA")
    if not root:
        pytest.skip("CLBENCH_TEST_DATA is not set: no real TRACE records")
    paths = [Path(root) / "trace" / task / f"{split}.json" for split in splits]
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        pytest.skip(f"no real TRACE records: {', '.join(missing)} is not there")
    return [record for path in paths for record in json.loads(path.read_text(encoding="utf-8"))]
