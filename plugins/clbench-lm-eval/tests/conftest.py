"""The shared fixtures, also when this package's tests run alone; tasks of lm-eval's own kind, without a network."""

from __future__ import annotations

import importlib.util
import json
from types import SimpleNamespace
from unittest import mock

import pytest
import small
import yaml
from small import call, gpt2, llama

__all__ = ["call", "gpt2", "llama"]

WORDS = ("hawk", "dove", "budget", "council")
COLLECTED = {"test_names.py", "test_registration.py"}  # what does not need lm-eval


def pytest_collection_modifyitems(items):
    if importlib.util.find_spec("lm_eval") is None:
        skip = pytest.mark.skip(reason="lm-eval is not installed")
        for item in items:
            if "clbench-lm-eval" in str(item.path) and item.path.name not in COLLECTED:
                item.add_marker(skip)


def questions(number, *, first=0):
    return [
        {"question": f"Which is {i}?", "choices": WORDS[: 2 + i % 3], "label": i % 2, "word": WORDS[i % 2], "n": i}
        for i in range(first, first + number)
    ]


def metric(name, aggregation="mean", *, rises=True):
    return {"metric": name, "aggregation": aggregation, "higher_is_better": rises}


def write_task(folder, name, records, **changes):
    """A task's YAML file and its records."""
    data = folder / f"{name}.jsonl"
    data.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    config = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{question}}\nAnswer:",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "label",
        "metric_list": [metric("acc"), metric("acc_norm")],
        "metadata": {"version": 1.0},
    } | changes
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in config.items() if v is not None}), encoding="utf-8")
    return path


def written(folder, name, records, **changes):
    """A task whose answers are written, not chosen."""
    how = {"until": ["\n"], "max_gen_toks": 6}
    own = {"output_type": "generate_until", "doc_to_choice": None, "doc_to_target": "word", "generation_kwargs": how}
    return write_task(folder, name, records, **(own | {"metric_list": [metric("exact_match")]} | changes))


def write_group(folder, name, members, *, weighed, **overrides):
    """A group's YAML file."""
    aggregate = [{"metric": "acc", "weight_by_size": weighed}]
    path = folder / f"{name}.yaml"
    group = {"group": name, "task": members, "aggregate_metric_list": aggregate}
    path.write_text(yaml.safe_dump(group | overrides), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def make():
    """What writes tasks."""
    return SimpleNamespace(questions=questions, metric=metric, task=write_task, written=written)


@pytest.fixture(scope="session")
def tasks(tmp_path_factory):
    """Paths of task files: choices, words, a task that samples, and a group over tasks of unlike sizes."""
    folder = tmp_path_factory.mktemp("lm-eval")
    how = {"until": ["\n"], "max_gen_toks": 4, "do_sample": True, "temperature": 1.0}
    return SimpleNamespace(
        folder=folder,
        choice=write_task(folder, "own_choice", questions(11)),
        words=written(folder, "own_words", questions(5)),
        sampled=written(folder, "own_sampled", questions(5), generation_kwargs=how),
        shots=write_task(folder, "own_shots", questions(6), num_fewshot=2, fewshot_split="test"),
        more=write_task(folder, "own_more", questions(3, first=30)),
        group=write_group(folder, "own_group", ["own_choice", "own_more"], weighed=True),
        alike=write_group(folder, "own_alike", ["own_group"], weighed=False, num_fewshot=1, fewshot_split="test"),
    )


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path_factory):
    """No network, and caches of the tests' own."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")


@pytest.fixture(scope="session")
def model():
    tokenizer = small.byte_level()
    return SimpleNamespace(tokenizer=tokenizer, lm=small.make_llama(len(tokenizer)).eval())


@pytest.fixture(scope="session")
def ask(model):
    def ask(probe, *, limit=None, batch_size=4):
        return probe.measure(model.lm, model.tokenizer, batch_size=batch_size, limit=limit)

    return ask


@pytest.fixture(scope="session")
def own_number(model):
    """What lm-eval itself reports for tasks that a probe has loaded."""

    def number(probe, key, *, tasks=None, names=(), **more):
        from lm_eval.evaluator import simple_evaluate
        from lm_eval.models.huggingface import HFLM

        from clbench_lm_eval.guard import own_randomness, quiet

        about = mock.patch("lm_eval.evaluator.add_env_info")  # seconds of asking the machine
        with quiet(), own_randomness(), about:
            lm = HFLM(pretrained=model.lm, backend="causal", tokenizer=model.tokenizer, batch_size=2)
            found = simple_evaluate(model=lm, tasks=tasks or list(probe.tasks.values()), bootstrap_iters=0, **more)
        return [found["results"][name][key] for name in names or probe.tasks]

    return number
