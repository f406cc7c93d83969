"""The callback in transformers' and TRL's trainers: what it finds, what it leaves alone, what it costs."""

import dataclasses
import json
import logging
import warnings

import numpy as np
import pytest
import torch
from datasets import Dataset
from small import byte_level, examples, make_llama, write_jsonl
from transformers import Trainer, TrainerCallback, TrainingArguments

from clbench import ForgettingCallback
from clbench.base.errors import OptionError
from clbench.forgetting.callback import _desk

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    """Choices, of which the small model's own likeliest one is right: it can only lose."""
    path = tmp_path_factory.mktemp("probes") / "mine.jsonl"
    from clbench.evaluation.evaluator import Evaluator  # noqa: F401 (loads torch once)
    from clbench.forgetting.local import answers, make_evaluator
    from clbench.forgetting.probing import own_probe
    from clbench.forgetting.undisturbed import undisturbed

    model, tokenizer = make_llama(320), byte_level()
    asked = [{"prompt": one.prompt, "choices": list("ABCDE"), "answer": 0} for one in examples(24, seed=3)]

    def write():
        path.write_text("".join(json.dumps(one) + "\n" for one in asked), "utf-8")

    write()
    with undisturbed(model, tokenizer):
        found = answers(make_evaluator(tokenizer, _desk(model, 8)), model, own_probe(path), known={})
    for one, said in zip(asked, found, strict=True):
        scores = json.loads(said.prediction)
        one["answer"] = int(np.argmax([choice[1] for choice in scores]))
    write()
    return path


def dataset(tokenizer):
    texts = [one.prompt + one.answer for one in examples(24, seed=8)]
    rows = [{"input_ids": tokenizer(text)["input_ids"][:24]} for text in texts]
    return Dataset.from_list([row | {"labels": row["input_ids"]} for row in rows if len(row["input_ids"]) == 24])


def train(out, *, callbacks=(), model=None, rate=1e-3, steps=8, resume=None, **settings):
    """Plain transformers; gives the trainer."""
    model, tokenizer = model or make_llama(320), byte_level()
    arguments = TrainingArguments(
        output_dir=str(out), max_steps=steps, per_device_train_batch_size=2, learning_rate=rate, logging_steps=1,
        use_cpu=True, disable_tqdm=True, seed=0, **{"save_strategy": "no", "report_to": "none"} | settings,
    )  # fmt: skip
    data = dataset(tokenizer)
    trainer = Trainer(model, arguments, train_dataset=data, processing_class=tokenizer, callbacks=[*callbacks])
    trainer.train(resume_from_checkpoint=resume)
    return trainer


def losses(trainer):
    return [one["loss"] for one in trainer.state.log_history if "loss" in one]


def adapted():
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return get_peft_model(make_llama(320), LoraConfig(r=2, target_modules=["down_proj"], lora_dropout=0.1))


def callback(questions, **changes):
    return ForgettingCallback(data=questions, **{"every_steps": 4, "budget": 1.0} | changes)


@pytest.mark.parametrize("make", [None, adapted], ids=["full", "adapter"])
def test_losses_and_weights_are_the_same_bits_with_and_without(tmp_path, questions, make):
    watched = callback(questions)
    plain = train(tmp_path / "a", model=make and make())
    looked = train(tmp_path / "b", callbacks=[watched], model=make and make())
    assert losses(plain) == losses(looked)
    assert len(losses(plain)) == 8
    for one, other in zip(plain.model.parameters(), looked.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert [one.step for one in watched.looks] == [4, 8]
    assert looked.model.generation_config.do_sample is not True


def test_what_is_lost_is_said_and_stops_and_goes_back(tmp_path, questions, caplog):
    watched = callback(questions, stop=True, restore_best=True)
    with caplog.at_level(logging.WARNING, logger="clbench"):
        trainer = train(tmp_path, callbacks=[watched], rate=0.3, steps=30)
    assert trainer.state.global_step == watched.looks[-1].step < 30
    assert watched.looks[-1].lost
    assert "own/mine is lost at step" in caplog.text
    assert f"the weights are those of step {watched._best_step} again" in caplog.text
    assert watched._best_step < watched.looks[-1].step
    kept = {0: dict(make_llama(320).named_parameters())}.get(watched._best_step, watched._best)
    assert all(torch.equal(one, kept[name]) for name, one in trainer.model.named_parameters())


def test_an_adapters_base_is_measured_with_the_adapter_off(tmp_path, questions):
    model = adapted()
    with torch.no_grad():
        for name, one in model.named_parameters():
            if "lora_B" in name:
                one.normal_(0, 5)
    watched = callback(questions)
    train(tmp_path, callbacks=[watched], model=model, rate=1e-9, steps=4)
    (said,) = watched.looks[-1].verdicts
    assert said.base == 1.0  # the base's own likeliest choices
    assert said.tuned < 1.0


def test_curves_go_to_the_trainers_history_and_to_tensorboard(tmp_path, questions):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trainer = train(tmp_path, callbacks=[callback(questions)], report_to="tensorboard", steps=4)
    told = [one for one in trainer.state.log_history if "forgetting/own/mine" in one]
    assert [one["step"] for one in told] == [4]
    (folder,) = (tmp_path / "runs").iterdir()
    events = EventAccumulator(str(folder))
    events.Reload()
    assert [one.step for one in events.Scalars("forgetting/own/mine")] == [4]


def test_looks_stay_within_their_share_of_the_time(tmp_path, questions, monkeypatch, caplog):
    """A clock of our own: a step takes 10 s, asking takes 2 s."""
    from clbench.forgetting import callback as module

    now = [0.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    real = module._scores

    def slow(*arguments):
        now[0] += 2.0
        return real(*arguments)

    class Clock(module.TrainerCallback):
        def on_step_begin(self, *arguments, **known):
            now[0] += 10.0

    monkeypatch.setattr(module, "_scores", slow)
    watched = callback(questions, every_steps=1, budget=0.1)
    with caplog.at_level(logging.WARNING, logger="clbench"):
        train(tmp_path, callbacks=[Clock(), watched], rate=1e-9, steps=12)
    assert 0.05 < watched.share <= 0.1
    assert watched.left_out == 12 - len(watched.looks) > 0
    assert "looks were left out" in caplog.text


@pytest.mark.parametrize("make", [lambda: make_llama(320), adapted], ids=["full", "adapter"])
def test_a_training_that_is_taken_up_again_is_compared_with_its_beginning(tmp_path, questions, make):
    """The same losses and weights as without an end in the middle, and the same verdicts."""
    saved = {"save_strategy": "steps", "save_steps": 4, "rate": 0.02}
    whole = callback(questions)
    straight = train(tmp_path / "a", callbacks=[whole], model=make(), **saved)

    class End(TrainerCallback):
        def on_step_end(self, args, state, control, **known):
            control.should_training_stop = state.global_step == 4

    train(tmp_path / "b", callbacks=[End(), callback(questions)], model=make(), **saved)
    second = callback(questions, restore_best=True)
    checkpoint = str(tmp_path / "b/checkpoint-4")
    resumed = train(tmp_path / "b", callbacks=[second], model=make(), resume=checkpoint, **saved)
    assert resumed.state.global_step == 8
    assert losses(resumed)[-4:] == losses(straight)[-4:]
    for one, other in zip(straight.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert [one.step for one in second.looks] == [8]
    assert second.looks[-1] == whole.looks[-1]
    assert whole.looks[-1].verdicts[0].base == 1.0


def test_a_training_without_its_beginning_says_what_it_is_compared_with(tmp_path, questions, caplog):
    watched = callback(questions)
    watched._path, state = tmp_path / "forgetting.json", type("State", (), {"global_step": 4})()
    watched._tokenizer, watched._desk = byte_level(), _desk(make_llama(320), 8)
    with caplog.at_level(logging.WARNING, logger="clbench"):
        assert watched._base_scores(make_llama(320), state) == {"own/mine": [1.0] * 24}
    assert "compared with step 4" in caplog.text


def test_trl_trains_with_it_too(tmp_path, questions):
    trl = pytest.importorskip("trl")
    tokenizer, watched = byte_level(), callback(questions)
    settings = trl.SFTConfig(
        output_dir=str(tmp_path), max_steps=4, per_device_train_batch_size=2, report_to="none", use_cpu=True,
        save_strategy="no", logging_steps=1, disable_tqdm=True, bf16=False, max_length=32,
    )  # fmt: skip
    data = Dataset.from_list([{"prompt": one.prompt, "completion": one.answer} for one in examples(12)])
    trainer = trl.SFTTrainer(
        make_llama(320), args=settings, train_dataset=data, processing_class=tokenizer, callbacks=[watched]
    )
    trainer.train()
    assert [one.step for one in watched.looks] == [4]
    assert watched.looks[0].verdicts[0].base == 1.0


@pytest.mark.parametrize("change", [{"every_steps": 0}, {"records": 0}, {"budget": 0.0}, {"tolerance": 2.0}])
def test_settings_out_of_range_are_refused(questions, change):
    with pytest.raises(OptionError, match="ForgettingCallback"):
        callback(questions, **change)


def test_a_sample_is_fixed_by_its_seed(tmp_path):
    path = tmp_path / "many.jsonl"
    write_jsonl(path, [dataclasses.replace(one, answer="x") for one in examples(50)])
    one, same, other = (callback(path, records=10, seed=seed).probes[0].test for seed in (0, 0, 1))
    assert one == same != other
    assert len(one) == 10
