"""The three methods in a trainer and in whole runs: identities, the losses written out in plain torch, options."""

import math
import subprocess
import sys

import pytest
import small
import torch

from clbench import Experience, Footprint, Sample
from clbench.base.errors import OptionError
from clbench_onpolicy import clbench_methods
from clbench_onpolicy.grpo import Grpo, GrpoOptions
from clbench_onpolicy.rft import Rft, RftOptions
from clbench_onpolicy.sdft import CUT, Sdft, SdftOptions, divergence

llama = small.llama
SPECS = {spec.name: spec for spec in clbench_methods()}
ONE = Experience(1, small.STREAM_TASKS[0], 1)


def test_specs_name_what_they_are():
    assert set(SPECS) == {"rft", "grpo", "sdft"}
    assert all(spec.problem() == "" for spec in SPECS.values())
    assert all(spec.create().footprint() == Footprint() for spec in SPECS.values())


def test_registration_loads_no_torch():
    code = "import sys, clbench_onpolicy as m; list(m.clbench_methods()); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("rft", {"threshold": 0}),
        ("rft", {"otherwise": "no"}),
        ("grpo", {"samples": 1}),
        ("grpo", {"clip": 1}),
        ("grpo", {"kl": "inf"}),
        ("sdft", {"template": "{answer}"}),
        ("sdft", {"divergence": "both"}),
        ("sdft", {"temprature": 1}),
    ],
)
def test_wrong_options_are_refused(name, options):
    with pytest.raises(OptionError, match=rf"-o {name}\.{next(iter(options))}"):
        SPECS[name].create(options)


def begin(llama, method, *, number=8, **more):
    """A trainer in its first experience, and the examples of it."""
    trainer = small.make_trainer(llama, method=method, **more)
    data = small.examples(number)
    trainer.run.experience, trainer.run.records = ONE, frozenset((one.prompt, one.answer) for one in data)
    method.before_experience(trainer.run, ONE)
    return trainer, data


def references(trainer, monkeypatch):
    """The model's answers are the references, token by token."""

    def generate(examples, *, n, **_):
        rows, _ = trainer.encoder.examples(examples)
        ids = [row.ids[len(row.ids) - row.num_answer :] for row in rows]
        return [[Sample(one, one.answer, said)] * n for one, said in zip(examples, ids, strict=True)]

    monkeypatch.setattr(type(trainer.run), "generate", lambda self, *args, **kwargs: generate(*args, **kwargs))


def gradient(trainer, data):
    """Of one step over some examples, by name."""
    rows = trainer._batch(data, trainer._encode(data, label="test"), range(len(data)))
    loss = trainer.accumulator.gradient(rows)
    return loss, {name: p.grad.clone() for name, p in trainer.run.model.named_parameters()}


# --- rft


def test_rft_on_references_is_plain_fine_tuning_bit_for_bit(llama, monkeypatch):
    plain, data = begin(llama, Rft(RftOptions(samples=0)))
    plain.train(ONE, data)
    trainer, data = begin(llama, Rft())
    references(trainer, monkeypatch)
    trainer.train(ONE, data)
    assert trainer.on_step.losses == plain.on_step.losses
    assert all(map(torch.equal, trainer.run.model.parameters(), plain.run.model.parameters()))


def test_rft_trains_on_the_first_right_answer_alone(llama, monkeypatch):
    method = Rft(RftOptions(samples=3, threshold=0.9))
    trainer, (one, other, past) = begin(llama, method, number=3)
    trainer.run.records = frozenset((each.prompt, each.answer) for each in (one, other))
    said = {one: ("wrong", one.answer, one.answer), other: ("no", "", "never")}
    monkeypatch.setattr(
        type(trainer.run),
        "generate",
        lambda self, examples, **_: [
            [Sample(each, text, (5 + place, 2)) for place, text in enumerate(said[each])] for each in examples
        ],
    )
    rows = method.batch_data(trainer.run, [one, other, past])
    assert [getattr(row, "ids", row)[-2:] if row is not past else row for row in rows] == [(6, 2), past]
    assert trainer.run.notes["rft"]["trained"] == 1
    assert method.footprint().extra_passes == pytest.approx(max(0, (2 * 3 / 3 + 1) / 2 - 1))
    fallback = Rft(RftOptions(samples=3, threshold=0.9, otherwise="reference"))
    assert list(fallback.batch_data(trainer.run, [one, other, past]))[1:] == [other, past]


# --- grpo


def test_equal_rewards_have_no_gradient(llama, monkeypatch):
    trainer, data = begin(llama, Grpo(GrpoOptions(samples=2)))
    references(trainer, monkeypatch)
    loss, found = gradient(trainer, data)
    assert loss == 0
    assert not any(one.any() for one in found.values())


@pytest.mark.parametrize("kl", [0.0, 0.5])
def test_grpos_gradient_is_plain_torchs(llama, kl):
    trainer, data = begin(llama, Grpo(GrpoOptions(samples=4, kl=kl)), number=4)
    model = trainer.run.model
    with torch.no_grad():  # away from the reference
        for p in model.parameters():
            p.mul_(1.01)
    reference = {name: p / 1.01 for name, p in model.state_dict().items()}
    _, found = gradient(trainer, data)
    groups = trainer.run.generate(data, n=4, stream="grpo.samples")
    total = 0.0
    for group in groups:
        scores = torch.tensor(trainer.run.score(ONE.task, [prediction(one) for one in group]))
        for one, score in zip(group, scores, strict=True):
            new, old = log_likelihoods(trainer, one), log_likelihoods(trainer, one, weights=reference).detach()
            advantage = (score - scores.mean()) / (scores.std() + 1e-4)
            policy = -advantage * new.mean()
            estimate = ((old - new).exp() - (old - new) - 1).mean()
            total = total + (policy + kl * estimate) / 16
    wanted = torch.autograd.grad(total, list(model.parameters()))
    for one, other in zip(found.values(), wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)


def prediction(sample):
    from clbench import Prediction

    return Prediction(sample.example.prompt, sample.text, sample.example.answer)


def log_likelihoods(trainer, sample, *, weights=None):
    """Of a sample's tokens, by the model itself, without padding."""
    (row,) = trainer.run.encode([sample.example], [sample.ids])
    ids = torch.tensor([row.ids])
    model = trainer.run.model
    logits = (model(ids) if weights is None else torch.func.functional_call(model, weights, (ids,))).logits[0]
    picked = logits[:-1].log_softmax(-1).gather(-1, ids[0, 1:, None])[:, 0]
    return picked[-row.num_answer :]


def test_several_steps_train_on_one_sampling(llama):
    method = Grpo(GrpoOptions(samples=2, iterations=3))
    trainer, data = begin(llama, method, number=4)
    rows = []
    for trainer.run.step in range(4):
        rows.append(method.batch_data(trainer.run, data[:2]))
    assert rows[0] == rows[1] == rows[2] != rows[3]
    assert method._passes.own == 8
    assert method._passes.all == pytest.approx(4 * (4 + 2 * 2 / 3))


# --- sdft


def test_a_blind_teacher_has_no_gradient_at_the_start(llama):
    options = SdftOptions(template="{prompt}", teacher="model", temperature=0)
    for direction in ("reverse", "forward"):
        trainer, data = begin(llama, Sdft(options.model_copy(update={"divergence": direction})))
        loss, found = gradient(trainer, data)
        assert abs(loss) < 1e-6
        assert max(one.abs().max() for one in found.values()) < 1e-5


@pytest.mark.parametrize("direction", ["reverse", "forward"])
def test_sdfts_gradient_is_plain_torchs(llama, direction):
    method = Sdft(SdftOptions(divergence=direction, teacher="model"))
    trainer, data = begin(llama, method, number=4, max_prompt_tokens=200)
    model, (run, total) = trainer.run.model, (trainer.run, 0.0)
    _, found = gradient(trainer, data)
    for (said,), one in zip(run.generate(data, stream="sdft.samples"), data, strict=True):
        own, told = (
            torch.tensor([[*run.tokenizer(prompt)["input_ids"], *said.ids]])
            for prompt in (one.prompt, f"{one.prompt}{one.answer}\n\n{one.prompt}")
        )
        new, old = (model(ids).logits[0, -len(said.ids) - 1 : -1].log_softmax(-1) for ids in (own, told))
        old = old.detach()
        apart = new.exp() * (new - old) if direction == "reverse" else old.exp() * (old - new)
        total = total + apart.sum(-1).mean() / 4
    wanted = torch.autograd.grad(total, list(model.parameters()))
    assert CUT not in run.warnings
    for mine, other in zip(found.values(), wanted, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(("direction", "alpha"), [("forward", 0.0), ("reverse", 1.0)])
def test_divergences_are_trls(direction, alpha):
    theirs = pytest.importorskip("trl.experimental.sdft.loss_utils").compute_full_logit_self_distillation_loss
    student, teacher = (torch.randn((7, 11), generator=torch.Generator().manual_seed(s)) for s in (1, 2))
    wanted = theirs(student, teacher, distillation_alpha=alpha)
    torch.testing.assert_close(divergence(student, teacher, direction=direction), wanted)


def test_teachers_follow_or_stay(llama):
    for kind, rate in (("ema", 0.25), ("frozen", 0.05), ("model", 0.05)):
        method = Sdft(SdftOptions(teacher=kind, rate=rate))
        trainer, _ = begin(llama, method)
        before = {name: p.detach().clone() for name, p in trainer.run.model.named_parameters()}
        with torch.no_grad():
            for p in trainer.run.model.parameters():
                p.add_(1)
        method.after_step(trainer.run)
        moved = {"ema": 0.25, "frozen": 0.0}.get(kind)
        assert bool(method._teacher) == (moved is not None)
        for name, one in method._teacher.items():
            torch.testing.assert_close(one, before[name] + moved)


def test_a_teacher_that_loses_the_reference_is_counted(llama):
    trainer, data = begin(llama, Sdft(), number=4, max_prompt_tokens=32)
    trainer.method.batch_data(trainer.run, data)
    assert trainer.run.warnings[CUT] > 0


# --- whole runs


@pytest.fixture(scope="module")
def record(llama, tmp_path_factory):
    stream = small.write_stream(tmp_path_factory.mktemp("data") / "stream", train=4, test=2, epochs=1)
    done = {}

    def run(method, **options):
        if (key := (method, str(options))) not in done:
            home = tmp_path_factory.mktemp("home")
            (outcome,) = small.run_stream(stream, method, model=llama, home=home, options=options)
            done[key] = outcome.record
        return done[key]

    return run


def test_no_samples_is_sequential(record):
    plain, zero = record("sequential"), record("rft", rft={"samples": 0})
    assert (zero.scores, zero.drift) == (plain.scores, plain.drift)


@pytest.mark.parametrize(("method", "most"), [("rft", 4 / 3), ("grpo", 4 * 4 / 3 - 1), ("sdft", 2 / 3)])
def test_costs_are_true(record, method, most):
    found = record(method)
    assert found.costs.sampled_tokens > 0
    assert found.footprint.counted_passes == pytest.approx(found.footprint.extra_passes, abs=1e-4)
    assert 0 <= found.footprint.extra_passes <= most + 1e-6
    assert record("sequential").costs.sampled_tokens == 0
    assert found.notes.get(method, {}).get("samples", 1)


def test_replayed_records_are_imitated(record):
    found = record("replay+grpo", replay={"size": 4, "ratio": 0.5}, grpo={"samples": 2})
    assert found.notes["replay"]["mixed_examples"] > 0
    assert math.isfinite(found.drift["relative_l2"])
