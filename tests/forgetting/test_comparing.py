"""Two models compared, whole: a model against itself and its changes, adapters, what does not fit, what was kept."""

import dataclasses
import json
import math
import warnings

import pytest
import torch
from small import byte_level, examples, make_llama, save, write_jsonl

import clbench
from clbench.base import home
from clbench.base.errors import ClbenchError
from clbench.evaluation.divergence import divergence
from clbench.forgetting import tokens
from clbench.models.loading import BUNDLED


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("CLBENCH_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small model, itself in bf16, itself moved a little, one of another vocabulary, and an adapter of it."""
    from peft import LoraConfig, get_peft_model

    root = tmp_path_factory.mktemp("pair")
    tokenizer = byte_level()
    base = save(root / "base", make_llama(len(tokenizer)), tokenizer)
    save(root / "half", make_llama(len(tokenizer)).to(torch.bfloat16), tokenizer)
    save(root / "other", make_llama(len(tokenizer), seed=1), tokenizer)
    save(root / "wide", make_llama(len(tokenizer) + 8), tokenizer)
    moved = make_llama(len(tokenizer))
    with torch.no_grad():
        moved.model.layers[1].mlp.up_proj.weight.mul_(1.5)
    save(root / "moved", moved, tokenizer)
    adapted = make_llama(len(tokenizer))
    adapted.name_or_path = str(base)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PEFT asks transformers by a name of yesterday
        adapted = get_peft_model(adapted, LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False))
    adapted.peft_config["default"].base_model_name_or_path = str(base)
    adapted.save_pretrained(root / "adapter")
    return root


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Questions of one's own: what the small model answers itself is expected of it, so that it can lose it."""
    path = tmp_path_factory.mktemp("own") / "My questions.jsonl"
    write_jsonl(path, [dataclasses.replace(one, answer=one.answer[:2]) for one in examples(12)])
    return path


@pytest.fixture(scope="module")
def choices(tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / "choices.jsonl"
    lines = [
        {"prompt": one.prompt, "choices": [" hawk", " dove", " neutral"], "answer": place % 3 if place % 2 else " dove"}
        for place, one in enumerate(examples(40, seed=3))
    ]
    path.write_text("".join(json.dumps(one) + "\n" for one in lines), "utf-8")
    return path


def test_a_model_against_itself_changes_nothing_to_the_bit(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("The council met on Monday. " * 40, "utf-8")
    found = clbench.forget(BUNDLED, BUNDLED, probes=["facts", "skills", "text"], limit=30, text=text, device="cpu")
    assert {one.verdict for one in found.verdicts} <= {"kept", "undecided"}
    assert all(one.change == 0 and one.p == one.p_corrected == 1 and one.error == 0 for one in found.verdicts)
    assert set(found.divergence) == {"probes/facts", "probes/skills", "probes/text", "text"}
    assert all(one.nats == 0 and one.tokens > 0 for one in found.divergence.values())
    assert found.drift["relative_l2"] == found.drift["moved"] == 0
    assert found.lost == () == found.changed


def test_a_model_against_a_copy_of_itself_changes_nothing_to_the_bit(folder, own, tmp_path):
    """Another folder with another hash, so that all is asked twice."""
    tokenizer = byte_level()
    copy = make_llama(len(tokenizer))
    copy.config.name_or_note = "a copy"
    save(tmp_path / "copy", copy, tokenizer)
    found = clbench.forget(folder / "base", tmp_path / "copy", data=own, device="cpu")
    assert found.base["hash"] != found.tuned["hash"]
    assert not any("kept" in note for note in found.notes)
    (one,) = found.verdicts
    assert (one.change, one.p, one.lost, one.gained) == (0, 1, 0, 0)
    assert found.divergence["own/my-questions"].nats == 0


def test_a_model_in_bf16_is_kept(tmp_path):
    """The bundled model's weights, rounded to 8 bits of mantissa."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from clbench.models.loading import describe

    location = describe(BUNDLED).location
    model = AutoModelForCausalLM.from_pretrained(location, dtype=torch.bfloat16)
    half = save(tmp_path / "half", model, AutoTokenizer.from_pretrained(location))
    found = clbench.forget(BUNDLED, half, probes=["facts"], limit=140, device="cpu")
    assert found.verdict("facts").verdict == "kept"
    assert 0 < found.divergence["probes/facts"].nats < 1e-3
    assert 0 < found.drift["relative_l2"] < 0.01


def test_another_model_has_lost_what_was_known(folder, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from clbench.models.loading import describe

    location = describe(BUNDLED).location
    model = AutoModelForCausalLM.from_pretrained(location)
    with torch.no_grad():
        model.model.layers[2].mlp.down_proj.weight.mul_(-1)
    tuned = save(tmp_path / "tuned", model, AutoTokenizer.from_pretrained(location))
    found = clbench.forget(BUNDLED, tuned, probes=["facts", "skills"], limit=30, device="cpu", show=5)
    assert found.lost[0] == "probes/facts is lost"
    assert len(found.changed) == 5
    assert all(
        one.after < one.before and one.base == one.answer for one in found.changed if one.probe == "probes/facts"
    )
    assert {one.probe for one in found.changed} == {"probes/facts", "probes/skills"}
    assert found.drift["blocks"]["layers.2"] > 0 == found.drift["blocks"]["layers.0"]
    required = clbench.forget(
        BUNDLED, tuned, probes=["facts", "skills"], limit=30, device="cpu",
        require=["facts >= 0", "skills >= .9"],
    )  # fmt: skip
    assert [one for one in required.lost if "facts" in one] == []
    assert "not met: skills >= .9" in required.lost


def test_the_divergence_is_that_of_the_two_distributions(folder):
    from clbench.forgetting.local import Desk, LocalModel
    from clbench.models.device import make_accelerator
    from clbench.models.loading import describe
    from clbench.spec.protocol import Protocol, Runtime

    desk = Desk(make_accelerator("cpu"), Protocol(), Runtime(device="cpu"))
    base, tuned = (LocalModel(describe(str(folder / name)), desk) for name in ("base", "moved"))
    texts = [[5, 9, 77, 130, 4], list(range(20, 100))]
    found = divergence(tokens.logits(base), tokens.logits(tuned), texts)
    nats = []
    for ids in texts:
        logits = [side.model(torch.tensor([ids])).logits[0].detach() for side in (base, tuned)]
        p, q = (torch.distributions.Categorical(logits=one) for one in logits)
        nats.append(torch.distributions.kl_divergence(p, q))
    assert found.tokens == 85
    assert found.nats == pytest.approx(float(torch.cat(nats).mean()), rel=1e-4)
    assert found.error > 0


def test_choices_losses_and_questions_of_ones_own(folder, own, choices, tmp_path):
    (tmp_path / "held-out").mkdir()
    records = [{"text": one.prompt + one.answer} for one in examples(12, seed=5)]
    (tmp_path / "held-out/text.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records), "utf-8")
    found = clbench.forget(
        folder / "base", folder / "moved", probes="held-out-text", data=[own, choices, tmp_path], device="cpu"
    )
    loss = found.verdict("held-out-text")
    assert loss.loss
    assert loss.lost + loss.gained == 12
    assert found.verdict("choices").records == 40
    assert found.verdict("together").records == 52
    assert all(math.isfinite(one.nats) and one.nats > 0 for one in found.divergence.values())


def test_a_mean_loss_is_the_runs_own(folder, tmp_path):
    from clbench.evaluation.asking import record_losses
    from clbench.forgetting.local import Desk, make_evaluator
    from clbench.models.device import make_accelerator
    from clbench.models.loading import describe, load_model
    from clbench.spec.protocol import Protocol, Runtime

    desk = Desk(make_accelerator("cpu"), Protocol(), Runtime(device="cpu"))
    loaded = load_model(describe(str(folder / "base")), device="cpu", runtime=desk.runtime)
    evaluator = make_evaluator(loaded.tokenizer, desk)
    found = record_losses(evaluator, loaded.model, examples(9))
    mean = sum(nats for nats, _ in found) / sum(number for _, number in found)
    assert mean == pytest.approx(evaluator.mean_loss(loaded.model, examples(9)), rel=1e-5)


def test_an_adapter_knows_its_base(folder, own):
    found = clbench.forget(folder / "adapter", data=own, device="cpu")
    given = clbench.forget(folder / "base", folder / "adapter", data=own, device="cpu")
    assert found.base["hash"] == given.base["hash"]
    assert found.verdicts == given.verdicts
    assert given.divergence["own/my-questions"].nats > 0
    assert sum("kept from before" in note for note in given.notes) == 2


def test_a_base_that_is_not_the_adapters_is_refused(folder, own):
    with pytest.raises(ClbenchError, match="is not the base of the adapter"):
        clbench.forget(folder / "other", folder / "adapter", data=own, device="cpu")
    with pytest.raises(ClbenchError, match="is no adapter"):
        clbench.forget(folder / "base", data=own, device="cpu")


def test_another_vocabulary_leaves_the_divergence_out_and_says_so(folder, own):
    found = clbench.forget(folder / "base", folder / "wide", data=own, device="cpu")
    assert found.divergence == {}
    assert any(note.startswith("KL is left out: the models have another vocabulary") for note in found.notes)
    assert any(note.startswith("drift: ") and "left out" in note for note in found.notes)
    assert found.drift is not None


def test_the_base_is_asked_once_and_an_interruption_costs_what_was_not_asked(folder, own, monkeypatch):
    from clbench.evaluation.evaluator import Evaluator

    real, asked = Evaluator.generate, []

    def counted(self, model, prompts, **rest):
        asked.append(len(prompts))
        if len(asked) == 3:
            raise KeyboardInterrupt
        return real(self, model, prompts, **rest)

    monkeypatch.setattr(Evaluator, "generate", counted)
    with pytest.raises(KeyboardInterrupt):
        clbench.forget(folder / "base", folder / "moved", data=own, device="cpu", batch=4)
    first = clbench.forget(folder / "base", folder / "moved", data=own, device="cpu", batch=4)
    assert sum(asked) == 12 + 12 + 4  # the batch that was cut off, twice
    asked[:] = [0] * 9
    second = clbench.forget(folder / "base", folder / "other", data=own, device="cpu", batch=4)
    assert sum(asked) == 12
    assert any(note.startswith("base: 12 answers were kept") for note in second.notes)
    again = clbench.forget(folder / "base", folder / "moved", data=own, device="cpu", batch=4)
    assert sum(asked) == 12
    assert again.verdicts == first.verdicts
    for path in home.answers_dir().glob("*.jsonl"):
        path.write_bytes(path.read_bytes() + b"\n")
    healed = clbench.forget(folder / "base", folder / "moved", data=own, device="cpu", batch=4)
    assert sum(asked) == 36
    assert healed.verdicts == first.verdicts
    assert any("damaged" in note for note in healed.notes)


def test_records_that_it_was_tuned_on_are_found(folder, own, tmp_path):
    seen = tmp_path / "train.jsonl"
    write_jsonl(seen, [dataclasses.replace(one, answer=one.answer[:2]) for one in examples(12)[:7]])
    found = clbench.forget(folder / "base", folder / "moved", data=own, trained_on=seen, device="cpu")
    assert found.overlap["own/my-questions"]["equal_pairs"] >= 7


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"tolerance": 0.0}, "--tolerance: .* greater than 0"),
        ({"require": "facts >= .3"}, "no probe to require something of"),
        ({"require": "nonsense"}, "must be like"),
        ({"limit": 0}, "--limit: .* greater than"),
        ({"precision": "fp16"}, "--precision: "),
        ({"prob": "facts"}, "no option 'prob'; did you mean 'probes'"),
        ({"scorer": "nonsense"}, "no scorer 'nonsense'"),
        ({"text": "nowhere.txt"}, "--text nowhere.txt"),
        ({"probes": "nonsense"}, "no probe 'nonsense'"),
        ({"data": "nowhere.jsonl"}, "there is no such file"),
        ({"tuned": "no/model/here"}, "no/model/here"),
    ],
)
def test_bad_input_is_refused_before_anything_is_asked(folder, own, change, complaint, monkeypatch):
    from clbench.forgetting.local import LocalModel

    monkeypatch.setattr(LocalModel, "_load", lambda self: pytest.fail("a model was loaded"))
    with pytest.raises(ClbenchError, match=complaint):
        clbench.forget(folder / "base", **{"tuned": folder / "moved", "data": own, "device": "cpu"} | change)


def test_averages_are_those_of_the_weights(folder, choices, tmp_path):
    """The middle, measured as a model of its own, has the scores that --wise-ft gives it."""
    tokenizer = byte_level()
    middle, moved = make_llama(len(tokenizer)), make_llama(len(tokenizer))
    with torch.no_grad():
        moved.model.layers[1].mlp.up_proj.weight.mul_(1.5)
        for one, other in zip(middle.parameters(), moved.parameters(), strict=True):
            one.copy_((one + other) / 2)
    save(tmp_path / "middle", middle, tokenizer)
    found = clbench.forget(folder / "base", folder / "moved", data=choices, device="cpu", wise_ft=True)
    alone = clbench.forget(folder / "base", tmp_path / "middle", data=choices, device="cpu")
    assert [one.share for one in found.averages] == [0.75, 0.5, 0.25]
    assert found.averages[1].verdicts == alone.verdicts
    again = clbench.forget(folder / "base", folder / "moved", data=choices, device="cpu", wise_ft=True)
    assert again.averages == found.averages


def test_unlike_models_have_no_average(folder, choices):
    with pytest.raises(ClbenchError, match=r"--wise-ft: .* do not agree"):
        clbench.forget(folder / "base", folder / "wide", data=choices, device="cpu", wise_ft=True)
    with pytest.raises(ClbenchError, match=r"--wise-ft: .* they are one"):
        clbench.forget(folder / "base", folder / "base", data=choices, device="cpu", wise_ft=True)
