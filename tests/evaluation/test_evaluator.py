"""Batched greedy answers are those of one prompt at a time, whatever the checkpoint's sampling settings say."""

import json
import math
import shutil
from types import SimpleNamespace

import kinds
import pytest
import small
import torch
import torch.nn.functional as F  # noqa: N812

from clbench.data.example import Example, TrainingData
from clbench.data.tokenising import Encoder
from clbench.evaluation.evaluator import Evaluator
from clbench.methods.method import Experience
from clbench.spec.protocol import Protocol, Runtime

LIMIT = 12


@pytest.fixture(params=["llama", "bos_llama", "gpt2"])
def folder(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def endings(llama, tmp_path):
    """A model with end tokens of its own besides the tokenizer's, and with sampling settings."""
    folder = shutil.copytree(llama, tmp_path / "endings")
    settings = {"do_sample": True, "temperature": 5.0, "eos_token_id": [2, *range(310, 320)]}
    (folder / "generation_config.json").write_text(json.dumps(settings))
    return folder


def evaluator_of(folder, *, eval_batch=64, **protocol):
    trainer = small.make_trainer(folder, runtime={"eval_batch": eval_batch}, **protocol)
    return Evaluator(
        trainer.accelerator, trainer.encoder, trainer.protocol, trainer.batching.runtime
    ), trainer.run.model


def one_by_one(evaluator, model, examples):
    """Greedy by hand: no batch, no padding, no cache, no `generate`."""
    ends = set(model.generation_config.eos_token_id)
    found = []
    for ids in evaluator.encoder.prompts([one.prompt for one in examples]):
        answer = []
        with torch.no_grad():
            while len(answer) < LIMIT and not ends & set(answer):
                answer.append(int(model(torch.tensor([ids + answer])).logits[0, -1].argmax()))
        found.append(answer)
    return found


@pytest.mark.parametrize("eval_batch", [1, 4, 64])
def test_answers_are_those_of_one_prompt_at_a_time(folder, eval_batch):
    evaluator, model = evaluator_of(folder, eval_batch=eval_batch, max_answer_tokens=LIMIT)
    examples = small.examples(10)
    expected = one_by_one(evaluator, model, examples)
    told = []
    found = evaluator.predict(model, examples, max_new_tokens=100, on_batch=told.append)
    texts = [
        evaluator.encoder.tokenizer.decode([t for t in ids if t != 2], skip_special_tokens=True) for ids in expected
    ]
    assert [one.prediction for one in found] == texts
    assert len(set(texts)) > 5, "a model whose answers are all alike would hide a wrong order"
    assert [(one.prompt, one.answer) for one in found] == [(one.prompt, one.answer) for one in examples]
    assert sorted(index for answers in told for index in answers) == list(range(len(examples)))
    assert max(map(len, told)) == min(eval_batch, 10)


@pytest.mark.parametrize("eval_batch", [1, 4])
def test_answers_from_before_an_interruption_are_not_asked_again(llama, eval_batch, monkeypatch):
    evaluator, model = evaluator_of(llama, eval_batch=eval_batch, max_answer_tokens=LIMIT)
    examples, told = small.examples(6), []
    whole = evaluator.predict(model, examples, max_new_tokens=100, on_batch=told.append)
    tokens, known = evaluator.tokens, {**told[0], **told[-1]}
    generate, asked = Evaluator.generate, []

    def counting(self, model, prompts, **given):
        asked.append(len(prompts))
        return generate(self, model, prompts, **given)

    monkeypatch.setattr(Evaluator, "generate", counting)
    evaluator.tokens = 0
    assert evaluator.predict(model, examples, max_new_tokens=100, known=known) == whole
    assert evaluator.tokens == tokens
    assert sum(asked) == len(examples) - len(known)


def test_answers_end_at_an_end_token_and_sampling_settings_are_ignored(endings):
    evaluator, model = evaluator_of(endings, max_answer_tokens=LIMIT)
    examples = small.examples(20)
    expected = one_by_one(evaluator, model, examples)
    found = evaluator.predict(model, examples, max_new_tokens=100)
    ended = [ids[-1] in model.generation_config.eos_token_id for ids in expected]
    assert 0 < sum(ended) < len(examples)
    texts = [
        evaluator.encoder.tokenizer.decode(ids[:-1] if end else ids) for ids, end in zip(expected, ended, strict=True)
    ]
    assert [one.prediction for one in found] == texts
    assert [one.truncated for one in found] == [not end for end in ended]
    assert evaluator.tokens == sum(len(ids) for ids in expected)
    assert evaluator.predict(model, examples, max_new_tokens=100) == found


def test_a_tasks_limit_holds_as_well_as_the_protocols(llama):
    evaluator, model = evaluator_of(llama, max_answer_tokens=LIMIT)
    whole = evaluator.predict(model, small.examples(4), max_new_tokens=100)
    short = evaluator.predict(model, small.examples(4), max_new_tokens=3)
    assert evaluator.tokens == 4 * (LIMIT + 3)
    assert all(one.truncated for one in short)
    assert all(long.prediction.startswith(cut.prediction) for long, cut in zip(whole, short, strict=True))


def test_a_model_is_not_left_in_training_mode_and_nothing_is_drawn(gpt2):
    evaluator, model = evaluator_of(gpt2)
    model.train()
    state = torch.get_rng_state()
    first = evaluator.predict(model, small.examples(4), max_new_tokens=4)
    assert torch.equal(torch.get_rng_state(), state)
    assert not model.training
    assert evaluator.predict(model, small.examples(4), max_new_tokens=4) == first


def test_long_prompts_are_asked_by_their_end(llama):
    evaluator, model = evaluator_of(llama, max_prompt_tokens=16)
    (one,) = small.examples(1)
    cut = evaluator.encoder.tokenizer.decode(evaluator.encoder.prompts([one.prompt])[0])
    assert one.prompt.endswith(cut)
    long, short = (
        evaluator.predict(model, [type(one)(one.task, text, one.answer)], max_new_tokens=8)[0]
        for text in ("more " * 500 + one.prompt, cut)
    )
    assert long.prediction == short.prediction
    assert long.prompt == "more " * 500 + one.prompt, "what is saved is the whole prompt"


@pytest.mark.parametrize("micro_batch", [1, 3, 16])
def test_the_mean_loss_is_that_of_the_answer_tokens(folder, micro_batch):
    trainer = small.make_trainer(folder, runtime={"micro_batch": micro_batch})
    evaluator = Evaluator(trainer.accelerator, trainer.encoder, trainer.protocol, trainer.batching.runtime)
    examples, model = small.examples(7), trainer.run.model
    encoded, _ = evaluator.encoder.examples(examples)
    model.eval()
    with torch.no_grad():
        total = 0.0
        for one in encoded:
            ids = torch.tensor(one.ids)
            logits = model(ids[None]).logits[0, :-1][-one.num_answer :]
            total += F.cross_entropy(logits, ids[-one.num_answer :], reduction="sum").item()
    expected = total / sum(one.num_answer for one in encoded)
    assert evaluator.mean_loss(model.train(), examples) == pytest.approx(expected, rel=1e-5)
    assert expected < 4 * math.log(320)
    assert not model.training


# --- stop texts


def until(text, stops):
    """A text up to the first of some stops, and whether there was one."""
    places = [text.find(stop) for stop in stops if stop in text]
    return (text[: min(places)], True) if places else (text, False)


def unstopped(evaluator, model, examples, *, limit=24):
    return [one.prediction for one in evaluator.predict(model, examples, max_new_tokens=limit, probe=True)]


@pytest.mark.parametrize("eval_batch", [1, 3, 64])
def test_stop_texts_end_an_answer_also_inside_a_token(folder, eval_batch):
    evaluator, model = evaluator_of(folder, eval_batch=eval_batch)
    examples = small.examples(9)
    unbound = evaluator.predict(model, examples, max_new_tokens=24, probe=True)
    whole, decode = [one.prediction for one in unbound], evaluator.encoder.tokenizer.decode
    inner = next(t for t in (decode([i]) for i in range(262, 319)) if len(t) > 2 and any(t in one for one in whole))
    stops = (inner[1:-1] or inner[1:], whole[0][6:9], whole[1][10:12], "never written")
    found = evaluator.predict(model, examples, max_new_tokens=24, stop=stops, probe=True)
    for one, before in zip(found, unbound, strict=True):
        cut, stopped = until(before.prediction, stops)
        assert one.prediction == cut
        assert one.truncated is (before.truncated and not stopped)
    assert sum(not one.truncated for one in found) > 0


def test_stopped_answers_cost_the_same_in_a_batch_and_alone(folder):
    counts = set()
    for eval_batch in (1, 4, 64):
        evaluator, model = evaluator_of(folder, eval_batch=eval_batch)
        examples = small.examples(9)
        first = unstopped(evaluator, model, examples)
        evaluator.tokens = 0
        stops = (first[0][5:8], first[3][1:3])
        evaluator.predict(model, examples, max_new_tokens=24, stop=stops, probe=True)
        counts.add(evaluator.tokens)
    (count,) = counts
    assert 0 < count < 9 * 24


def test_generation_itself_ends_at_a_stop(llama):
    evaluator, model = evaluator_of(llama)
    (one,) = small.examples(1)
    (whole,) = unstopped(evaluator, model, [one], limit=200)
    passes, forward = [], model.forward
    model.forward = lambda *args, **how: passes.append(1) or forward(*args, **how)
    evaluator.predict(model, [one], max_new_tokens=200, stop=(whole[3:6],), probe=True)
    assert len(passes) < 20


def test_a_stop_is_looked_for_in_the_answer_alone(llama):
    """A prompt that ends with a stop's beginning, as one of HumanEval ends with a line break, stops nothing."""
    evaluator, model = evaluator_of(llama)
    (one,) = small.examples(1)
    (whole,) = unstopped(evaluator, model, [one])
    stop = one.prompt[-3:] + whole[:2]
    assert stop not in whole
    (found,) = evaluator.predict(model, [one], max_new_tokens=24, stop=(stop,), probe=True)
    assert (found.prediction, found.truncated) == (whole, True)


def test_a_probe_is_bounded_by_the_models_window_of_which_half_is_the_prompts(gpt2):
    evaluator, model = evaluator_of(gpt2, max_prompt_tokens=16, max_answer_tokens=4)
    (one,) = small.examples(1)
    long = type(one)(one.task, "more " * 2000 + one.prompt, one.answer)
    seen, generate = [], model.generate
    model.generate = lambda **how: seen.append((how["input_ids"].shape[1], how["max_new_tokens"])) or generate(**how)
    evaluator.predict(model, [long], max_new_tokens=40, probe=True)
    evaluator.predict(model, [long], max_new_tokens=5000, probe=True)
    evaluator.predict(model, [long], max_new_tokens=40)
    assert seen == [(512 - 40, 40), (256, 256), (16, 4)]


# --- a model that has learned everything


class Oracle(torch.nn.Module):
    """Writes the tokens that it was trained on behind the prompt that it was trained on, and knows no other."""

    def __init__(self, encoder, examples):
        super().__init__()
        encoded = encoder.examples(examples)[0]
        self.known = {one.ids[: -one.num_answer]: one.ids[-one.num_answer :] for one in encoded}
        self.pad = encoder.pad
        self.generation_config = SimpleNamespace(eos_token_id=[encoder.eos])
        self.config = SimpleNamespace(max_position_embeddings=2048)

    def generate(self, input_ids, attention_mask, max_new_tokens, **_):
        rows = [tuple(ids[held.bool()].tolist()) for ids, held in zip(input_ids, attention_mask, strict=True)]
        answers = [self.known[row][:max_new_tokens] for row in rows]
        width = max(map(len, answers))
        padded = torch.tensor([[*answer, *[self.pad] * (width - len(answer))] for answer in answers])
        return torch.cat([input_ids, padded], dim=1)


def oracle_of(kind, examples, *, eval_batch=5):
    from accelerate import Accelerator

    encoder = Encoder(kinds.tokenizer_of(kind), max_prompt=256, max_answer=64)
    runtime = Runtime(device="cpu", eval_batch=eval_batch)
    protocol = Protocol(max_prompt_tokens=256, max_answer_tokens=64)
    return Evaluator(Accelerator(cpu=True), encoder, protocol, runtime), Oracle(encoder, examples)


@pytest.mark.parametrize("kind", kinds.LOSSLESS)
def test_what_was_learned_perfectly_is_answered_perfectly(kind):
    """Prompts that end in a blank, answers that begin with one, labels that are tokens of their own, line breaks."""
    unlike = list({one.prompt: one for one in kinds.RECORDS}.values())
    evaluator, model = oracle_of(kind, unlike)
    found = evaluator.predict(model, unlike, max_new_tokens=64)
    assert [one.prediction for one in found] == [one.answer for one in unlike]
    assert not any(one.truncated for one in found)


@pytest.mark.parametrize("kind", ["sentencepiece", "sentencepiece, legacy", "bytes"])
def test_programs_keep_their_indentation_up_to_a_stop(kind):
    program = Example("own/code", "def f(x):\n", "    return x\nred")
    evaluator, model = oracle_of(kind, [program])
    (found,) = evaluator.predict(model, [program], max_new_tokens=64, stop=("\nred",))
    assert found.prediction == "    return x"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bytes", "sentencepiece, legacy", "bytes with labels"])
def test_a_model_trained_until_its_loss_is_nil_scores_one(kind, tmp_path):
    """The whole way: trained by the trainer, asked by the evaluator."""
    answers = ["<A>", "<B>"] if kind == "bytes with labels" else ["dog cat red", " cat dog red"]
    ends = [" Answer: ", " Answer:"]
    records = [
        Example("own/word", f"Item {n}: reverse red cat dog{ends[n % 2]}", answers[n % len(answers)]) for n in range(12)
    ]
    tokenizer = kinds.tokenizer_of(kind)
    folder = small.save(tmp_path / "model", small.make_llama(len(tokenizer)), tokenizer)
    trainer = small.make_trainer(folder, epochs=40, learning_rate=1e-2, global_batch=4)
    trainer.train(Experience(index=1, task="own/word", epochs=40), TrainingData(records, name="own/word"))
    assert trainer.on_step.losses[-1] < 0.05
    evaluator = Evaluator(trainer.accelerator, trainer.encoder, trainer.protocol, trainer.batching.runtime)
    found = evaluator.predict(trainer.run.model, records, max_new_tokens=16)
    assert [one.prediction for one in found] == [one.answer for one in records]
