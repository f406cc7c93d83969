"""The files of O-LoRA's repository, read by the streams' forms."""

import json
import os
from pathlib import Path

import pytest

from clbench.data.sources import load_split
from clbench.plugins.registry import registry
from clbench.spec.stream import resolve

pytestmark = pytest.mark.data
ROOT = Path(os.environ.get("CLBENCH_TEST_DATA", "")) / "cl_benchmark"


def test_every_label_is_among_the_options_and_the_text_stands_in_the_prompt():
    if not ROOT.is_dir():
        pytest.skip("CLBENCH_TEST_DATA has no cl_benchmark")
    loaded = registry().catalog().stream("cl-15")
    plan = resolve(loaded.stream, tasks=loaded.tasks, base_dir=ROOT, variant="files")
    for task in plan.tasks:
        where = ROOT / task.data["files"].train
        if not where.is_file():  # Yahoo's records were not to be had
            assert task.name == "cl/yahoo"
            continue
        raw = json.loads(where.read_text(encoding="utf-8"))
        options = json.loads((where.parent / "labels.json").read_text(encoding="utf-8"))
        found = load_split(plan, task, split="train", cap=20)
        assert f"Options: {', '.join(options)}\n" in found[0].prompt
        for one, record in zip(found, raw, strict=False):
            assert one.answer == record["label"] in options
            assert record["sentence"] in one.prompt
