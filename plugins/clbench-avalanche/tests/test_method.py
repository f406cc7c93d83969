"""Avalanche's plugins inside clbench's loop, against their equations in plain torch."""

from __future__ import annotations

import copy

import pytest
import small
import torch

from clbench import Experience, Footprint, Method
from clbench.base.errors import OptionError, RunError
from clbench_avalanche import clbench_methods
from clbench_avalanche.catalogue import CALLED

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("avalanche_package")]

EXPERIENCES = [Experience(index=index, task="own/word", epochs=2) for index in (1, 2)]
DATA = [small.examples(8, seed=seed) for seed in (1, 2)]
EWC = {"plugin": "EWCPlugin", "arguments": {"ewc_lambda": 300.0}, "batch": 3}
RWALK = {"plugin": "RWalkPlugin", "arguments": {"ewc_lambda": 5.0, "ewc_alpha": 0.7, "delta_t": 2}}


def spec():
    (only,) = clbench_methods()
    return only


def avalanche(options):
    return spec().create(options)


def learn(trainer, *, first=0, last=2):
    for experience, data in list(zip(EXPERIENCES, DATA, strict=True))[first:last]:
        trainer.method.before_experience(trainer.run, experience)
        trainer.train(experience, trainer.method.training_data(trainer.run, experience, data))
        trainer.method.after_experience(trainer.run, experience, data)
    return trainer


def weights(trainer):
    return [p.detach().clone() for p in trainer.run.model.parameters()]


# --- the plugins' equations


class Ewc(Method):
    """λ Σ over past experiences of F (θ - θ*)², F the mean over batches of the squared gradient of a batch."""

    terms = ()

    def extra_loss(self, run, batch, output):
        if not self.terms:
            return None
        named = dict(run.model.named_parameters())
        return 300.0 * sum((f[name] * (p - old[name]) ** 2).sum() for f, old in self.terms for name, p in named.items())

    def after_experience(self, run, experience, data):
        batches = [run.gradients(data[start : start + 3]) for start in range(0, len(data), 3)]
        fisher = {name: sum(one[name] ** 2 for one in batches) / len(batches) for name in batches[0]}
        old = {name: p.detach().clone() for name, p in run.model.named_parameters()}
        self.terms = (*self.terms, (fisher, old))


class Rwalk(Method):
    """Chaudhry et al. 2018, equations 6 to 8, with Avalanche's constants: α=.7, a score every second step."""

    step = 0
    fisher = scores = penalty = None

    def before_experience(self, run, experience):
        self.path, self.part = self.like(run, 0), self.like(run, 0)
        self.mark = self.like(run)

    def like(self, run, factor=1):
        return {name: p.detach().clone() * factor for name, p in run.model.named_parameters()}

    def batch_data(self, run, batch):
        self.gradient = run.gradients(batch)
        square = {name: g**2 for name, g in self.gradient.items()}
        last = self.fisher
        self.fisher = {n: s if last is None else 0.7 * s + (1 - 0.7) * last[n] for n, s in square.items()}
        self.before = self.like(run)
        return batch

    def extra_loss(self, run, batch, output):
        if self.penalty is None:
            return None
        named = run.model.named_parameters()
        return 5.0 * sum((self.penalty[name] * (p - self.anchor[name]) ** 2).sum() for name, p in named)

    def after_step(self, run):
        self.step += 1
        now, eps = self.like(run), torch.finfo(torch.float32).eps
        for name, p in now.items():
            self.path[name] -= self.gradient[name] * (p - self.before[name])
            if self.step % 2 == 0:
                moved = 0.5 * self.fisher[name] * (p - self.mark[name]) ** 2
                self.part[name] += self.path[name] / (moved + eps)
                self.path[name].zero_()
                self.mark[name] = p

    def after_experience(self, run, experience, data):
        last = self.scores
        self.scores = {n: s if last is None else 0.5 * (last[n] + s) for n, s in self.part.items()}
        most = [max(one.max() for one in part.values()) for part in (self.fisher, self.scores)]
        self.anchor = self.like(run)
        self.penalty = {n: self.fisher[n] / most[0] + self.scores[n].relu() / most[1] for n in self.scores}


@pytest.mark.parametrize(("options", "reference"), [(EWC, Ewc), (RWALK, Rwalk)])
def test_plugins_do_what_their_equations_say(llama, options, reference):
    ours = learn(small.make_trainer(llama, method=avalanche(options)))
    expected, plain = (learn(small.make_trainer(llama, method=method)) for method in (reference(), None))
    far = [(p - q).abs().max().item() for p, q in zip(weights(expected), weights(plain), strict=True)]
    near = [(p - q).abs().max().item() for p, q in zip(weights(ours), weights(expected), strict=True)]
    assert max(far) > 1e-3, "the penalty acts"
    assert max(near) < 1e-2 * max(far), (near, far)


@pytest.mark.parametrize("options", [EWC, RWALK])
def test_a_penalty_of_0_is_sequential_bit_for_bit(llama, options):
    options = options | {"arguments": options["arguments"] | {"ewc_lambda": 0.0}}
    ours, plain = (learn(small.make_trainer(llama, method=method)) for method in (avalanche(options), None))
    assert ours.on_step.losses == plain.on_step.losses
    assert all(map(torch.equal, weights(ours), weights(plain)))


@pytest.mark.parametrize("options", [EWC, RWALK])
def test_micro_batches_change_nothing_but_rounding(llama, options):
    whole, parts = (
        learn(
            small.make_trainer(
                llama, method=avalanche(options), runtime={"micro_batch": size}, global_batch=8, learning_rate=1e-3
            )
        )
        for size in (8, 2)
    )
    for p, q in zip(weights(whole), weights(parts), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize("options", [EWC, RWALK])
@pytest.mark.parametrize("stop", [4, 6])  # between two experiences, and in the middle of the second
def test_resume_is_bit_equal(llama, options, stop):
    straight = small.make_trainer(llama, method=avalanche(options))
    saved, log = {}, straight.on_step

    def save(told):
        log(told)
        if told.step == stop:
            saved.update(copy.deepcopy(checkpoint(straight)))

    straight.on_step = save
    learn(straight, last=1)
    if stop == 4:
        saved = copy.deepcopy(checkpoint(straight))
    learn(straight, first=1)

    resumed = small.make_trainer(llama, method=avalanche(options))
    second, data = EXPERIENCES[1], DATA[1]
    resumed.run.model.load_state_dict(saved["model"])
    resumed.run.optimizer.load_state_dict(saved["optimizer"])
    if stop == 6:
        resumed.method.before_experience(resumed.run, second)
    resumed.method.load_state_dict(saved["method"])
    if stop == 4:
        resumed.method.before_experience(resumed.run, second)
    resumed.run.step = stop
    resumed.on_step = lambda told: None
    resumed.train(second, data, start=stop - 4)
    resumed.method.after_experience(resumed.run, second, data)
    assert all(map(torch.equal, weights(straight), weights(resumed)))
    assert straight.method.footprint() == resumed.method.footprint()


def checkpoint(trainer):
    run = trainer.run
    parts = {"model": run.model, "optimizer": run.optimizer, "method": trainer.method}
    return {name: part.state_dict() for name, part in parts.items()}


def test_footprint(llama):
    ewc = small.make_trainer(llama, method=avalanche(EWC))
    assert ewc.method.footprint() == Footprint()
    learn(ewc)
    bytes_of_model = sum(p.nbytes for p in ewc.run.model.parameters())
    assert ewc.method.footprint() == Footprint(stored_bytes=2 * 2 * bytes_of_model, extra_passes=1 / 2)
    rwalk = learn(small.make_trainer(llama, method=avalanche(RWALK)))
    assert rwalk.method.footprint().extra_passes == 1


def test_nothing_else_is_touched(llama):
    trainer = learn(small.make_trainer(llama, method=avalanche(EWC)), last=1)
    random = torch.get_rng_state()
    trainer.method.after_experience(trainer.run, EXPERIENCES[0], DATA[0])
    assert torch.equal(random, torch.get_rng_state())
    assert not trainer.run.model.training
    assert all(p.grad is None for p in trainer.run.model.parameters())


def test_whole_run(llama, tmp_path):
    stream = small.write_stream(tmp_path / "stream")
    shared = {"model": llama, "home": tmp_path, "lab": small.registry_with(), "protocol": {"epochs": 1}}
    (plain,) = small.run_stream(stream, "sequential", **shared)
    none = {"avalanche": {"arguments": {"ewc_lambda": 0.0}}}
    (zero,) = small.run_stream(stream, "avalanche", options=none, **shared)
    (ewc,) = small.run_stream(stream, "avalanche+mofo", options={"avalanche": EWC}, **shared)
    assert zero.record.scores == plain.record.scores
    assert zero.record.drift == plain.record.drift
    assert ewc.record.footprint.stored_bytes > 0
    assert ewc.record.drift != plain.record.drift


# --- what is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"arguments": {}}, "avalanche.arguments: EWCPlugin: .*ewc_lambda"),
        ({"arguments": {"ewc_lambda": 1, "mode": "onlin"}}, "EWCPlugin: Mode must be separate or online"),
        ({"plugin": "nowhere.Plugin"}, "nowhere.Plugin cannot be imported"),
        ({"plugin": "collections.Counter"}, "is no subclass of avalanche's SupervisedPlugin"),
        ({"plugin": "own_plugins.PerEpoch"}, "uses before_training_epoch, which clbench does not call"),
    ],
)
def test_wrong_arguments_stop_a_run_before_it_begins(options, message):
    with pytest.raises(OptionError, match=message):
        avalanche({"arguments": {}} | options).prepare_model(torch.nn.Linear(1, 1))


def test_state_that_cannot_be_saved_is_refused():
    with pytest.raises(RunError, match=r"Unsaved\.what is a object, which clbench cannot save"):
        avalanche({"plugin": "own_plugins.Unsaved", "arguments": {}}).prepare_model(torch.nn.Linear(1, 1))


def test_a_plugin_of_ones_own_is_called_in_avalanches_order(llama):
    method = avalanche({"plugin": "own_plugins.Told", "arguments": {}})
    trainer = learn(small.make_trainer(llama, method=method))
    begin, step, end = CALLED[:2], CALLED[2:8], CALLED[8:]
    told = method.state_dict()["plugin"]["hooks"]["items"]
    assert [one["items"][0] for one in told] == [*begin, *step * 4, *end] * 2
    assert [one["items"][1:] for one in told if one["items"][0] == "before_update"] == [[n // 4, n] for n in range(8)]
    assert trainer.run.warnings["avalanche: own_plugins.Told is not among the plugins that clbench tests"] == 2
