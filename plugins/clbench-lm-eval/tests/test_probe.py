"""Scores against clbench's own likelihoods and lm-eval's own numbers; and what stays as it was."""

from __future__ import annotations

import json
import logging

import pytest
import small
import torch
from hypothesis import given
from hypothesis import strategies as st

from clbench.base import consent
from clbench.base.errors import ClbenchError, DataError, OptionError, UnknownNameError
from clbench.data.example import Example
from clbench.data.tokenising import Encoder
from clbench.evaluation.likelihood import encode, full_scores
from clbench_lm_eval import clbench_load_probe
from clbench_lm_eval.loading import _manager
from clbench_lm_eval.names import FOLDERS
from clbench_lm_eval.probe import spread

pytestmark = pytest.mark.slow


def load(path, more=""):
    return clbench_load_probe(f"lm-eval:{path}{more}")


def mean(judged):
    return sum(one.score for one in judged) / len(judged)


def test_choices_have_clbenchs_own_likelihoods(make, tasks, model, ask, own_number):
    probe = load(tasks.choice)
    judged = ask(probe)
    examples = [
        Example("one", f"{one['question']}\nAnswer:", "", tuple(f" {word}" for word in one["choices"]))
        for one in make.questions(11)
    ]
    encoder = Encoder(model.tokenizer, max_prompt=64, max_answer=8)
    asked = encode(encoder, examples, window=512)
    with torch.inference_mode():
        own = full_scores(model.lm, asked, pad=encoder.pad, device=torch.device("cpu"), tokens=4096)
    for one, example, scores, record in zip(judged, examples, own, make.questions(11), strict=True):
        assert one.prompt == example.prompt
        assert [value for value, _ in json.loads(one.response)] == pytest.approx(scores, abs=1e-3)
        assert one.answer == str(record["label"])
        assert one.score == (scores.index(max(scores)) == record["label"])
    assert 0 < mean(judged) < 1
    assert own_number(probe, "acc,none") == [pytest.approx(mean(judged))]


def test_another_metric(tasks, ask, own_number):
    probe = load(tasks.choice, "@acc_norm")
    assert probe.name == "lm-eval/own_choice.acc_norm"
    assert own_number(probe, "acc_norm,none") == [pytest.approx(mean(ask(probe)))]
    assert probe.identity["metric"] == "acc_norm"


def test_written_answers(make, tasks, model, ask, own_number, tmp_path):
    answers = [one.response for one in ask(load(tasks.words))]
    records = [one | {"word": text} for one, text in zip(make.questions(5), answers, strict=True)]
    records[3]["word"] = "something else"
    probe = load(make.written(tmp_path, "own_words", records))
    judged = ask(probe)
    assert [one.response for one in judged] == answers
    assert [one.answer for one in judged] == [one["word"] for one in records]
    assert [one.score for one in judged] == [1, 1, 1, 0, 1]
    assert own_number(probe, "exact_match,none") == [0.8]
    ids = model.tokenizer(judged[0].prompt, return_tensors="pt")
    with torch.inference_mode():
        made = model.lm.generate(**ids, max_new_tokens=6, do_sample=False)[0, ids["input_ids"].shape[1] :]
    assert model.tokenizer.decode(made, skip_special_tokens=True).partition("\n")[0] == judged[0].response


def test_a_group_is_all_its_questions(tasks, ask, own_number):
    probe = load(tasks.group)
    judged = ask(probe)
    assert judged == ask(load(tasks.choice)) + ask(load(tasks.more))
    assert (probe.name, list(probe.sizes.values())) == ("lm-eval/own_group", [11, 3])
    assert ask(probe, limit=4) == [judged[index] for index in (0, 3, 7, 10)]
    assert ask(probe, limit=99) == judged
    group = {"tasks": ["own_group"], "names": ["own_group"], "task_manager": _manager((tasks.folder,))}
    assert own_number(probe, "acc,none", **group) == [pytest.approx(mean(judged))]


def test_shots_are_the_same_each_time(tasks, ask):
    probe = load(tasks.shots)
    first, again, some = ask(probe), ask(probe), ask(probe, limit=1)
    assert first == again
    assert some == first[:1]
    assert all(one.prompt.count("Answer:") == 3 for one in first)
    assert probe.identity["tasks"]["own_shots"]["shots"] == 2


def test_identity(make, tmp_path):
    def identity(name, records, **changes):
        folder = tmp_path / name
        folder.mkdir()
        return load(make.task(folder, "one", records, **changes)).identity

    first = identity("a", make.questions(4))
    assert identity("b", make.questions(4)) == first
    assert json.loads(json.dumps(first)) == first
    assert str(tmp_path) not in json.dumps(first)
    others = [
        identity("c", make.questions(5)),
        identity("d", make.questions(4, first=1)),
        identity("e", make.questions(4), doc_to_text="Q: {{question}}"),
        identity("f", make.questions(4), metadata={"version": 2.0}),
        identity("g", make.questions(4), num_fewshot=1, fewshot_split="test"),
        identity("h", make.questions(4), target_delimiter=""),
    ]
    assert len({json.dumps(one) for one in (first, *others)}) == 7


@pytest.mark.parametrize("name", ["choice", "sampled"])
def test_training_goes_on_bit_by_bit(tasks, name, capfd):
    probe = load(getattr(tasks, name))
    tokenizer = small.byte_level()
    tokenizer.pad_token = None
    written_down = json.dumps(tokenizer.init_kwargs, default=str), tokenizer.padding_side
    ends = []
    for asked in (False, True):
        model = small.make_gpt2(len(tokenizer)).train()
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        torch.manual_seed(3)
        before = model.config.to_dict(), model.generation_config.to_dict()
        for _ in range(3):
            if asked:
                probe.measure(model, tokenizer, batch_size=2, limit=3)
            ids = torch.randint(5, 300, (2, 9))
            logits = model(input_ids=ids).logits  # with dropout
            torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids.flatten()).backward()
            optimizer.step()
            optimizer.zero_grad()
        assert (model.config.to_dict(), model.generation_config.to_dict()) == before
        assert model.training
        ends.append(model.state_dict())
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])
    assert (json.dumps(tokenizer.init_kwargs, default=str), tokenizer.padding_side) == written_down
    assert tokenizer.pad_token is None
    assert capfd.readouterr() == ("", "")


def test_a_changed_model_answers_otherwise(tasks, ask, model):
    """The object itself is asked, with whatever has been put into it."""
    probe = load(tasks.choice)
    before = ask(probe)
    hook = model.lm.model.layers[0].register_forward_hook(lambda module, args, output: output * 2)
    changed = ask(probe)
    hook.remove()
    assert [one.response for one in changed] != [one.response for one in before]
    assert ask(probe) == before


def refused(path, more=""):
    with pytest.raises(ClbenchError) as error:
        load(path, more)
    assert "\n" not in str(error.value)
    return f"{type(error.value).__name__}: {error.value}"


def test_refusals_before_a_run(make, tmp_path):
    of_corpus = [make.metric("exact_match", "median"), make.metric("bleu", "bleu")]
    rolling = make.written(tmp_path, "rolling", make.questions(3), metric_list=of_corpus)
    assert "its metrics: bleu, exact_match" in refused(rolling)
    unsafe = make.written(tmp_path, "unsafe", make.questions(3), unsafe_code=True)
    assert "unsafe runs code that the model writes" in refused(unsafe)
    absent = make.task(tmp_path, "absent", make.questions(3), dataset_kwargs={"data_files": {"test": "none.jsonl"}})
    assert "DataError: --probe lm-eval:" in refused(absent)
    remote = make.task(tmp_path, "remote", make.questions(3), dataset_path="nobody/nothing", dataset_kwargs=None)
    assert "its data must be reachable, or in the cache" in refused(remote)
    broken = make.task(tmp_path, "broken", make.questions(3), doc_to_text="{{question")
    assert "DataError" in refused(broken)
    (tmp_path / "text.yaml").write_text("just text", encoding="utf-8")
    assert "DataError" in refused(tmp_path / "text.yaml")


@pytest.mark.parametrize(
    "code",
    [
        "process_results: !function utils.process_results\n",
        "description: \"{{ ''.__class__.__mro__ }}\"\n",
        "include: other.yaml\n",
    ],
)
def test_files_that_run_code_need_leave(make, tmp_path, monkeypatch, code):
    monkeypatch.delenv(consent.TASK_CODE, raising=False)
    (tmp_path / "utils.py").write_text("from pathlib import Path\nPath(__file__).with_name('ran').touch()\n")
    (tmp_path / "other.yaml").write_text("process_results: !function utils.process_results\n")
    path = make.task(tmp_path, "coded", make.questions(3))
    path.write_text(path.read_text(encoding="utf-8") + code)
    with pytest.raises(OptionError, match=r"runs Python of its own .* --allow-task-code"):
        load(path)
    monkeypatch.setenv(FOLDERS, str(tmp_path))
    with pytest.raises(OptionError, match="--allow-task-code"):
        clbench_load_probe("lm-eval:coded")
    assert not (tmp_path / "ran").exists()


def test_scores_beyond_one_are_refused(make, tmp_path, ask, monkeypatch):
    monkeypatch.setenv(consent.TASK_CODE, "1")
    module = tmp_path / "utils.py"
    module.write_text("def process_results(doc, results):\n    return {'acc': 37.5}\n", encoding="utf-8")
    path = make.task(tmp_path, "percent", make.questions(3), metric_list=[make.metric("acc")])
    path.write_text(path.read_text(encoding="utf-8") + "process_results: !function utils.process_results\n")
    with pytest.raises(DataError, match=r"acc,none of a question is 37\.5, and a probe needs a number from 0 to 1"):
        ask(load(path))


def test_names(tasks, monkeypatch, caplog):
    monkeypatch.setenv(FOLDERS, str(tasks.folder))
    with pytest.raises(UnknownNameError, match=r"lm-eval has no task 'hellaswg'; did you mean .*'hellaswag'"):
        clbench_load_probe("lm-eval:hellaswg")
    with pytest.raises(UnknownNameError, match=f"lists them, and {FOLDERS} names"):
        clbench_load_probe("lm-eval:qqqqqqqqqqqqq")
    with pytest.raises(OptionError, match="'perplexity' is none of its metrics; there is acc, acc_norm"):
        clbench_load_probe("lm-eval:own_group@perplexity")
    with caplog.at_level(logging.WARNING):
        clbench_load_probe("lm-eval:own_group")
        assert not caplog.text
        probe = clbench_load_probe("lm-eval:own_alike")
        assert "weighs all tasks of this group alike" in caplog.text
    assert list(probe.tasks) == ["own_choice", "own_more"]
    assert {one["shots"] for one in probe.identity["tasks"].values()} == {1}


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 40), min_size=1, max_size=5), st.integers(1, 120))
def test_spread(sizes, limit):
    flat = [(name, index) for name, size in sizes.items() for index in range(size)]
    found = spread(sizes, limit)
    if limit >= len(flat):
        assert found is None
        return
    asked = [(name, index) for name, indices in found.items() for index in indices]
    assert asked == [flat[number * len(flat) // limit] for number in range(limit)]
    assert len(set(asked)) == limit
    assert all(found.values())
