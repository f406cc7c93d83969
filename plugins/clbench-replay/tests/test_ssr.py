"""`ssr`: which texts become records, who writes them, who answers, what is counted and kept."""

import json
from random import Random

import pytest
import small
import torch
from pydantic import ValidationError
from small import examples

from clbench import Example, Experience, Sample
from clbench_replay.ssr import Ssr, SsrOptions, at
from clbench_replay.synthesis import cue, records, shown

llama = small.llama
TASKS = small.STREAM_TASKS


def shots(*said):
    return [Example("own/word", f"Repeat.\n{one}\nAgain:", one) for one in said]


def test_the_writer_is_shown_records_one_after_the_other():
    some = shots("a", "b", "c")
    text = shown(some, rng=Random(1)).prompt
    assert sorted(text.split("\n\n")[:-1]) == sorted(f"{one.prompt}{one.answer}" for one in some)
    assert cue(some) == "\nAgain:"
    assert cue(some[:1]) == ""


def test_a_prompt_ends_at_the_cue_and_is_new():
    some = shots("a", "b")
    texts = ["Repeat.\nd\nAgain: d\n\nRepeat", "Repeat.\na\nAgain:", "no end", "\nAgain:", "Repeat.\nd\nAgain:", ""]
    assert records(texts, shots=some) == [("Repeat.\nd\nAgain:", " d")]
    assert records(["Repeat.\nd\nAgain:x"], shots=some, known=["Repeat.\nd\nAgain:"]) == []
    assert records([" all of it "], shots=some[:1]) == [("all of it", "")]


@pytest.fixture
def trainer(llama):
    return small.make_trainer(llama)


def written(monkeypatch, run, said):
    """The base writes what is given; the model answers with its number of calls."""
    asked = []

    def generate(self, found, **how):
        asked.append((how["stream"], next(self.model.parameters())[0, 0].item()))
        writes = how["stream"].startswith("ssr.prompts")
        return [
            [Sample(one, said[i % len(said)] if writes else f"answer {len(asked)}", (1,))]
            for i, one in enumerate(found)
        ]

    monkeypatch.setattr(type(run), "generate", generate)
    return asked


def learn(method, run, *indices):
    for index in indices:
        experience, data = Experience(index, TASKS[index - 1], 1), examples(20, task=TASKS[index - 1])
        method.before_experience(run, experience)
        with torch.no_grad():
            for p in run.model.parameters():
                p.add_(1)
        method.after_experience(run, experience, data)


def test_the_base_writes_and_the_present_model_answers_anew(trainer, monkeypatch):
    run, method = trainer.run, Ssr(SsrOptions(size=4, ratio=1))
    start = next(run.model.parameters())[0, 0].item()
    asked = written(monkeypatch, run, [f"Repeat the word.\nWord:\n{one}\nAgain: x" for one in "uvw"])
    learn(method, run, 1)
    assert asked == []
    learn(method, run, 2, 3)
    assert [name for name, _ in asked] == [
        f"ssr.prompts.{TASKS[0]}", "ssr.answers", "ssr.answers", f"ssr.prompts.{TASKS[1]}", "ssr.answers"
    ]  # fmt: skip
    assert [weight - start for _, weight in asked] == pytest.approx([0, 1, 2, 0, 2], abs=1e-5)
    assert {one.answer for one in method._made[TASKS[0]]} == {"answer 3"}
    batch = method.batch_data(run, examples(4))
    assert len(batch) == 8
    assert {one.task for one in batch[4:]} <= set(TASKS[:2])
    found = method.footprint()
    assert found.stored_examples == 3 * 3 + 3 * 2
    assert found.extra_passes == pytest.approx((4 + (4 + 3 + 3 + 4 + 3) / 3) / 4)


def test_state_is_complete(trainer, monkeypatch):
    run, straight, resumed = trainer.run, Ssr(SsrOptions(size=4)), Ssr(SsrOptions(size=4))
    written(monkeypatch, run, ["Repeat the word.\nWord:\nz\nAgain:"])
    learn(straight, run, 1)
    straight.before_experience(run, Experience(2, TASKS[1], 1))
    state = straight.state_dict()
    base = state.pop("base")
    resumed.load_state_dict({**json.loads(json.dumps(state)), "base": base})
    assert resumed.state_dict() | {"base": 0} == straight.state_dict() | {"base": 0}
    assert resumed.footprint() == straight.footprint()
    assert resumed.batch_data(run, examples(8)) == straight.batch_data(run, examples(8))


def test_other_weights_come_and_go(trainer):
    model = trainer.run.model
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    with at(model, {name: p + 1 for name, p in before.items()}):
        assert all(p.equal(before[name] + 1) for name, p in model.named_parameters())
    assert all(p.equal(before[name]) for name, p in model.named_parameters())


def test_a_whole_run_counts_what_it_does(llama, tmp_path):
    stream = small.write_stream(tmp_path / "stream", train=12, epochs=1)
    (outcome,) = small.run_stream(
        stream, "ssr", model=llama, home=tmp_path, options={"ssr": {"writer": "model", "max_new_tokens": 40, "size": 6}}
    )
    found = outcome.record
    assert found.costs.sampled_tokens > 0
    assert found.notes["ssr"]["generated"] >= 12
    assert found.footprint.stored_examples >= 9


def test_written_answers_are_kept_as_they_are(trainer, monkeypatch):
    run, method = trainer.run, Ssr(SsrOptions(size=4, ratio=1, answers="written"))
    said = ["Repeat the word.\nWord:\nu\nAgain: u\n\nRepeat", "Repeat the word.\nWord:\nv\nAgain:"]
    asked = written(monkeypatch, run, said)
    learn(method, run, 1, 2, 3)
    assert {name for name, _ in asked} == {f"ssr.prompts.{TASKS[0]}", f"ssr.prompts.{TASKS[1]}"}
    assert method._made[TASKS[0]] == [Example(TASKS[0], "Repeat the word.\nWord:\nu\nAgain:", " u")]


def test_one_shot_does_not_tell_where_an_answer_begins():
    with pytest.raises(ValidationError, match="at least 2"):
        SsrOptions(answers="written", shots=1)


def test_a_task_of_which_nothing_can_be_made_is_named(trainer, monkeypatch):
    run, method = trainer.run, Ssr(SsrOptions(size=4, ratio=1))
    written(monkeypatch, run, ["no record"])
    learn(method, run, 1, 2, 3)
    told = "of what the model wrote nothing is a new record, so nothing of it is rehearsed"
    assert run.warnings == {f"ssr: {TASKS[0]}: {told}": 2, f"ssr: {TASKS[1]}: {told}": 1}
    assert method.batch_data(run, examples(4)) == examples(4)
