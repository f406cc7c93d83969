"""Texts have the lengths of TRACE's records."""

import json
import os
import statistics
from pathlib import Path

import pytest

from clbench.plugins.registry import registry
from clbench.speed.lengths import LONGEST_ANSWER, LONGEST_PROMPT, TRACE, steps


def test_the_tasks_are_those_of_the_stream():
    assert list(TRACE) == list(registry().catalog().stream("trace").stream.tasks)


@pytest.mark.parametrize("name", TRACE)
def test_lengths_are_those_of_the_table(name):
    (batch,) = [one for one in steps(400, vocabulary=100, end=1) if one[0].task == name]
    prompts = sorted(len(one.ids) - one.num_answer for one in batch)
    tenths, most = TRACE[name].prompts, min(LONGEST_PROMPT, TRACE[name].prompts[-1])
    assert prompts[0] >= tenths[0]
    assert prompts[-1] <= most
    assert min(tenths[4], most) <= statistics.median(prompts) <= min(tenths[6], most)
    mean = statistics.mean(len(one.ids) for one in batch)
    assert mean == pytest.approx(TRACE[name].mean_tokens, rel=0.1)


def test_a_step_is_of_one_task_and_the_same_each_time():
    found = steps(3, vocabulary=50, end=7)
    assert [{one.task for one in batch} for batch in found] == [{name} for name in TRACE]
    assert found == steps(3, vocabulary=50, end=7)
    every = [one for batch in found for one in batch]
    assert all(one.ids[-1] == 7 and max(one.ids) < 50 and one.num_answer <= LONGEST_ANSWER + 1 for one in every)


@pytest.mark.data
def test_the_table_is_of_the_real_records():
    """By characters, which are about as many a token in all records of a task: the tenths rise alike."""
    place = os.environ.get("CLBENCH_TEST_DATA")
    if not place:
        pytest.skip("CLBENCH_TEST_DATA names no real records")
    for name, lengths in TRACE.items():
        folder = {"20minuten": "20Minuten", "numglue-cm": "NumGLUE-cm", "numglue-ds": "NumGLUE-ds", "py150": "Py150"}
        folder |= {"c-stance": "C-STANCE", "fomc": "FOMC", "meetingbank": "MeetingBank", "scienceqa": "ScienceQA"}
        records = json.loads((Path(place) / "trace" / folder[name.partition("/")[2]] / "train.json").read_text())
        sizes = sorted(len(one["prompt"]) for one in records)
        ratios = [sizes[round(tenth * (len(sizes) - 1) / 10)] / lengths.prompts[tenth] for tenth in range(1, 10)]
        assert max(ratios) / min(ratios) < 1.35, name
