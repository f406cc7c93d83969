"""`lamol`: the loss against both parts by hand, what is written against what the model was asked, what is counted."""

import json

import pytest
import small
import torch
from small import examples

from clbench import Example, Experience, Sample
from clbench_replay.lamol import Lamol, LamolOptions, as_record, as_text, marker
from clbench_replay.weighing import weighed

llama = small.llama
TASKS = small.STREAM_TASKS


@pytest.fixture
def trainer(llama):
    return small.make_trainer(llama, max_answer_tokens=24)


def learn(method, run, index, *, number=20):
    experience = run.experience = Experience(index, TASKS[index - 1], 1)
    data = examples(number, task=TASKS[index - 1])
    assert method.training_data(run, experience, data) == data
    return experience, data


def written(monkeypatch, run, said):
    asked = []

    def generate(self, found, **how):
        asked.append((found[0].prompt, len(found), how["max_new_tokens"]))
        return [
            [Sample(one, said[i % len(said)], (1,), truncated="cut" in said[i % len(said)])]
            for i, one in enumerate(found)
        ]

    monkeypatch.setattr(type(run), "generate", generate)
    return asked


def test_a_record_is_read_back_as_it_was_written():
    one = Example("own/word", "Repeat.\nhawk\nAgain:", " hawk [x]")
    assert as_record(as_text(one), task="own/word") == one
    assert [as_record(text, task="t") for text in ("no answer", "x[ANS] ", "[ANS]y")] == [None] * 3


def test_the_loss_is_the_answers_mean_and_lambda_times_the_records(trainer):
    """Against the model's own logits, one row at a time."""
    run, method = trainer.run, Lamol(LamolOptions(lm_weight=0.7))
    learn(method, run, 1)
    batch = examples(4)
    rows = method.batch_data(run, batch)
    assert len(rows) == 8
    trainer.forward_model.eval()
    found = trainer.accumulator.gradient(rows)

    def mean(pairs):
        parts = []
        for prompt, answer in pairs:
            ids = torch.tensor([[*prompt, *answer]])
            logits = run.model(ids).logits[0, len(prompt) - 1 : -1]
            parts.append(torch.nn.functional.cross_entropy(logits, torch.tensor(answer), reduction="none"))
        return torch.cat(parts).mean().item()

    def tokens(text):
        return run.tokenizer(text)["input_ids"]

    end = [run.tokenizer.eos_token_id]
    answers = mean(
        (one.ids[: -one.num_answer], one.ids[-one.num_answer :]) for one in run.encode(batch, [x.answer for x in batch])
    )
    texts = mean((tokens("[GEN 1]"), [*tokens(f"{one.prompt}[ANS]{one.answer}"), *end]) for one in batch)
    assert found.item() == pytest.approx(answers + 0.7 * texts, rel=1e-5)


def test_a_part_of_few_tokens_weighs_as_much_as_its_strength_says(trainer):
    few, many = trainer.run.encode(examples(3), [[5], [5], [5]]), trainer.run.encode(examples(2), [[5] * 8, [5] * 9])
    rows = weighed([(few, 1.0), (many, 0.5)])
    total = sum(one.num_answer for one in rows)
    assert sum(one.weight * one.num_answer for one in rows[:3]) / total == pytest.approx(1.0)
    assert sum(one.weight * one.num_answer for one in rows[3:]) / total == pytest.approx(0.5)


def test_the_past_is_asked_for_by_its_number_and_trained_on_in_both_ways(trainer, monkeypatch):
    run, method = trainer.run, Lamol(LamolOptions(share=0.5))
    asked = written(monkeypatch, run, ["Repeat.\nu\nAgain:[ANS]u", "nothing", "cut[ANS]off"])
    method.after_experience(run, *learn(method, run, 1))
    assert asked == []
    method.after_experience(run, *learn(method, run, 2))
    assert asked == [("[GEN 1]", 10, 64 + 24)]
    learn(method, run, 3)
    assert [one[:2] for one in asked[1:]] == [("[GEN 1]", 5), ("[GEN 2]", 5)]
    assert {(one.task, one.prompt, one.answer) for one in method._made} == {
        (task, "Repeat.\nu\nAgain:", "u") for task in TASKS[:2]
    }
    rows = method.batch_data(run, examples(4, task=TASKS[2]))
    assert len(rows) == 2 * (4 + 2)
    begun = {run.tokenizer.decode(one.ids[:7]) for one in rows[6:]}
    assert {text[:7] for text in begun} >= {marker(3)}
    assert run.notes["lamol"]["made"] == {TASKS[0]: 2, TASKS[1]: 2}
    assert method.footprint().extra_passes == pytest.approx((8 + 20 / 3) / 4)
    method.after_experience(run, run.experience, ())
    assert method.footprint().stored_bytes == 0


def test_a_task_of_which_nothing_was_written_is_named(trainer, monkeypatch):
    run, method = trainer.run, Lamol(LamolOptions(share=0.5))
    written(monkeypatch, run, ["nothing"])
    method.after_experience(run, *learn(method, run, 1))
    learn(method, run, 2)
    told = "of what the model wrote nothing is a record, so nothing of it is rehearsed"
    assert run.warnings == {f"lamol: {TASKS[0]}: {told}": 1}


def test_state_is_complete(trainer, monkeypatch):
    run, straight, resumed = trainer.run, Lamol(LamolOptions()), Lamol(LamolOptions())
    written(monkeypatch, run, [f"Repeat.\n{one}\nAgain:[ANS]{one}" for one in "uvw"])
    straight.after_experience(run, *learn(straight, run, 1))
    learn(straight, run, 2)
    resumed.load_state_dict(json.loads(json.dumps(straight.state_dict())))
    assert resumed.state_dict() == straight.state_dict()
    assert resumed.batch_data(run, examples(8)) == straight.batch_data(run, examples(8))
    assert resumed.footprint() == straight.footprint()


def test_a_model_that_has_learned_to_write_writes_its_past(llama, tmp_path):
    """From nothing but training: a whole run in which records come out and are rehearsed."""
    stream = small.write_stream(tmp_path / "stream", train=8, epochs=40, learning_rate=1e-2, max_answer_tokens=24)
    options = {"lamol": {"share": 1.0, "temperature": 0.2}}
    (outcome,) = small.run_stream(stream, "lamol", model=llama, home=tmp_path, options=options)
    told = outcome.record.notes["lamol"]
    assert sum(told["made"].values()) > 0
    assert outcome.record.footprint.stored_examples == 0
