"""The method in whole runs and by hand: identities, each way's equation, options, state."""

import functools
import subprocess
import sys

import pytest
import small
import torch

from clbench import Experience, Footprint
from clbench.base.errors import OptionError
from clbench_merge import clbench_methods
from clbench_merge.merging import dropped, ties
from clbench_merge.method import Merge, MergeOptions

llama = small.llama
TASKS = small.STREAM_TASKS


def spec():
    (only,) = clbench_methods()
    return only


def make(**options):
    return Merge(MergeOptions(**options))


def test_spec_names_what_it_is():
    assert spec().problem() == ""
    assert spec().create().footprint() == Footprint()


def test_registration_loads_no_torch():
    code = "import sys, clbench_merge as m; list(m.clbench_methods()); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"how": "slerp"}, "how"),
        ({"weight": 1.5}, "must be at most 1"),
        ({"how": "stock", "weight": 1}, "weight has no effect"),
        ({"how": "ties", "anchor": "ema"}, "anchor has no effect"),
        ({"decay": 0.5}, "decay has no effect"),
        ({"density": 0.5}, "density has no effect"),
        ({"wieght": 0.5}, "did you mean 'weight'"),
    ],
)
def test_wrong_options_are_refused(options, complaint):
    with pytest.raises(OptionError, match=rf"(?s)-o merge\..*{complaint}"):
        spec().create(options)


@pytest.fixture
def trainer(llama):
    return small.make_trainer(llama)


def learn(method, run, *indices, by=0.01):
    """Move all weights as training does, between the method's hooks; gives what each task's training came to."""
    came = []
    for index in indices:
        experience = Experience(index, TASKS[index - 1], 1)
        method.before_experience(run, experience)
        generator = torch.Generator().manual_seed(index)
        with torch.no_grad():
            for p in run.model.parameters():
                p.add_(torch.randn(p.shape, generator=generator), alpha=by)
        method.after_step(run)
        came.append(weights(run))
        method.after_experience(run, experience, [])
    return came


def weights(run):
    return {name: p.detach().clone() for name, p in run.model.named_parameters()}


def close(run, wanted):
    for name, p in run.model.named_parameters():
        torch.testing.assert_close(p.detach(), wanted(name), rtol=1e-6, atol=1e-7)


def test_an_average_lies_between_its_ends(trainer):
    run, base, method = trainer.run, weights(trainer.run), make(weight=0.25)
    came = learn(method, run, 1, 2)
    close(run, lambda name: 0.75 * base[name] + 0.25 * came[1][name])
    assert method.footprint().stored_bytes == sum(one.nbytes for one in base.values())


def test_previous_is_an_average_over_tasks(trainer):
    run, base, method = trainer.run, weights(trainer.run), make(weight=0.25, anchor="previous")
    came = learn(method, run, 1, 2)
    close(run, lambda name: 0.75 * (0.75 * base[name] + 0.25 * came[0][name]) + 0.25 * came[1][name])


def test_an_ema_follows_the_steps(trainer):
    run, base, method = trainer.run, weights(trainer.run), make(weight=0.25, anchor="ema", decay=0.9)
    (came,) = learn(method, run, 1)
    close(run, lambda name: 0.75 * (0.9 * base[name] + 0.1 * came[name]) + 0.25 * came[name])


@pytest.mark.parametrize("start", ["merged", "base"])
@pytest.mark.parametrize("how", ["task-arithmetic", "ties", "dare"])
def test_vectors_are_composed_over_the_base(trainer, how, start):
    run, base, method = trainer.run, weights(trainer.run), make(how=how, start=start)
    came = learn(method, run, 1, 2)
    generators = [run.torch_rng("merge.dare", index) for index in (1, 2)]

    def wanted(name):
        vectors = [one[name] - base[name] for one in came]
        if how == "ties":
            return base[name] + ties(vectors, 0.2)
        if how == "dare":
            vectors = [dropped(one, 0.2, g) for one, g in zip(vectors, generators, strict=True)]
        return base[name] + 0.4 * sum(vectors)

    close(run, wanted)
    copies = 3 if how == "ties" else 2
    assert method.footprint().stored_bytes == copies * sum(one.nbytes for one in base.values())


def test_experts_begin_at_the_base(trainer):
    run, base, method = trainer.run, weights(trainer.run), make(how="stock", start="base")
    learn(method, run, 1, 2)
    method.before_experience(run, Experience(3, TASKS[2], 1))
    close(run, lambda name: base[name])


def test_one_task_alone_is_stocked_whole(trainer):
    run, method = trainer.run, make(how="stock")
    (came,) = learn(method, run, 1)
    close(run, lambda name: came[name])


@pytest.mark.parametrize("how", ["average", "ties", "dare"])
def test_state_is_complete(llama, how):
    runs = [small.make_trainer(llama).run for _ in range(2)]
    straight = make(how=how)
    learn(straight, runs[0], 1)
    runs[1].model.load_state_dict(runs[0].model.state_dict())
    resumed = make(how=how)
    resumed.load_state_dict(straight.state_dict())
    for method, run in zip((straight, resumed), runs, strict=True):
        learn(method, run, 2)
    assert all(p.equal(q) for p, q in zip(runs[0].model.parameters(), runs[1].model.parameters(), strict=True))


@pytest.fixture(scope="module")
def record(llama, tmp_path_factory):
    stream = small.write_stream(tmp_path_factory.mktemp("data") / "stream", train=4, test=2, epochs=1)

    @functools.cache
    def run(method, weight=None):
        folder, options = tmp_path_factory.mktemp("home"), {"merge": {"weight": weight}} if weight else {}
        (outcome,) = small.run_stream(stream, method, model=llama, home=folder, options=options)
        return outcome.record

    return run


def test_weight_one_is_the_method_without(record):
    for name, with_it in (("sequential", "sequential+merge"), ("mofo", "mofo+merge")):
        plain, merged = record(name), record(with_it, weight=1)
        assert (plain.scores, plain.drift) == (merged.scores, merged.drift)


def test_an_average_drifts_less(record):
    assert record("sequential+merge").drift["relative_l2"] < 0.8 * record("sequential").drift["relative_l2"]
