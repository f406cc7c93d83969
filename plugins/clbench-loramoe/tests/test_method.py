"""`loramoe` in a trainer and in whole runs: options, the term in the loss, the record, interruption."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import pytest
import small
import torch
import yaml

from clbench import Experience, Footprint
from clbench.base.errors import OptionError, RunError
from clbench.training.losses import evaluating
from clbench_loramoe import clbench_methods
from clbench_loramoe.balance import Balance, localized_balance
from clbench_loramoe.method import Loramoe, LoramoeOptions

GROUPS = {"own/word": "words", "own/number": "rest", "own/stance": "rest"}
FIRST = Experience(index=1, task="own/word", epochs=2)
DATA = [*small.examples(5), *small.examples(3, task="own/stance")]


def spec():
    return next(iter(clbench_methods()))


def make(llama, *, groups=GROUPS, trainer=None, **options):
    """A trainer whose stream has types of tasks."""
    torch.manual_seed(0)
    method = Loramoe(LoramoeOptions.model_validate(options))
    make_optimizer = method.make_optimizer

    def knowing_the_stream(named_params, run):
        run.groups = groups
        return make_optimizer(named_params, run)

    method.make_optimizer = knowing_the_stream
    return small.make_trainer(llama, method=method, **(trainer or {}))


@contextlib.contextmanager
def caught(layers):
    """Router weights of each layer's passes, computed from its input."""
    weights = {name: [] for name in layers}

    def catch(name):
        return lambda layer, inputs, _: weights[name].append(torch.softmax(inputs[0] @ layer.router.T, -1))

    hooks = [layer.register_forward_hook(catch(name)) for name, layer in layers.items()]
    yield weights
    for hook in hooks:
        hook.remove()


def own(trainer):
    return {name: p.detach().clone() for name, p in trainer.run.model.named_parameters() if p.requires_grad}


def with_groups(path, groups=GROUPS):
    content = yaml.safe_load(path.read_text("utf-8"))
    content["groups"] = {kind: [task for task in groups if groups[task] == kind] for kind in groups.values()}
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


# --- options


def test_spec_names_what_it_is():
    assert spec().problem() == ""
    assert (spec().name, spec().load()) == ("loramoe", Loramoe)
    assert spec().capabilities == {"changes_model", "adds_loss", "freezes_base", "sees_rows", "sharded_ok"}


def test_registration_loads_no_torch():
    code = "import sys, clbench_loramoe as m; list(m.clbench_methods()); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


def test_defaults_are_the_papers():
    options = LoramoeOptions()
    assert (options.experts, options.groups, options.rank, options.alpha, options.dropout) == (6, 2, 4, 32, 0.05)
    assert (options.balance, options.delta, options.sign, options.formula) == (0.1, 0.1, "paper", "paper")
    assert LoramoeOptions.model_validate_json(options.model_dump_json()) == options
    assert Loramoe().footprint() == Footprint()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"experts": 7}, r"groups: 7 experts do not divide into 2 groups"),
        ({"groups": 4}, r"groups: 6 experts do not divide into 4 groups"),
        ({"experts": 1}, "experts"),
        ({"groups": 0}, "groups"),
        ({"rank": 0}, "rank"),
        ({"alpha": 0}, "alpha"),
        ({"dropout": 1}, "dropout"),
        ({"dropout_mask": "own"}, "dropout_mask"),
        ({"targets": []}, "targets"),
        ({"targets": [""]}, "targets"),
        ({"balance": -1}, "balance"),
        ({"balance": "nan"}, "balance"),
        ({"delta": 1}, "delta"),
        ({"sign": "plus"}, "sign"),
        ({"formula": "cv"}, "formula"),
        ({"population": "step"}, "population"),
        ({"reduction": "max"}, "reduction"),
        ({"expert": 6}, "did you mean 'experts'"),
    ],
)
def test_wrong_options_are_refused(options, said):
    with pytest.raises(OptionError, match=rf"-o loramoe\..*{said}"):
        spec().create(options)


def test_a_target_that_the_model_lacks_is_refused(gpt2):
    with pytest.raises(OptionError, match=r"-o loramoe\.targets: the model has no layer 'c_fo'; did you mean 'c_fc'"):
        small.make_trainer(gpt2, method=spec().create({"targets": ["c_fo"]}))


# --- types of tasks


def test_more_types_than_groups_are_refused(llama):
    types = {"own/word": "a", "own/number": "b", "own/stance": "c"}
    with pytest.raises(OptionError, match=r"3 types of tasks \(a, b, c\), but there are 2 groups of experts; set gro"):
        make(llama, groups=types)
    assert make(llama, groups=types, balance=0).run.warnings == {}


def test_fewer_types_than_groups_are_counted(llama):
    trainer = make(llama, groups=dict.fromkeys(GROUPS, "all"))
    assert list(trainer.run.warnings) == ["loramoe: 1 group(s) of experts have no type of tasks in the stream"]


def test_without_types_the_default_is_off_and_what_was_set_is_refused(llama):
    trainer = make(llama, groups={})
    assert "so experts are not balanced" in next(iter(trainer.run.warnings))
    trainer.train(FIRST, DATA)
    with pytest.raises(OptionError, match=r"-o loramoe\.balance: the stream has no `groups:`"):
        make(llama, groups={}, balance=0.1)
    assert make(llama, groups={}, balance=0).run.warnings == {}


def test_a_task_of_no_type_is_counted_and_not_balanced(llama):
    trainer = make(llama, groups={"own/word": "a", "own/number": "b"}, dropout=0)
    grads = gradient_of_a_step(trainer, [one for one in DATA if one.task == "own/stance"])
    plain = gradient_of_a_step(make(llama, dropout=0, balance=0), [one for one in DATA if one.task == "own/stance"])
    assert all(torch.equal(grads[name], plain[name]) for name in plain)
    assert (
        trainer.run.warnings[
            "loramoe: task own/stance is in none of the stream's groups, so its examples are not balanced"
        ]
        == 3
    )


# --- the term in the loss


def gradient_of_a_step(trainer, data):
    """What one step over the data leaves for the optimizer, with experts that do something; nothing is changed."""
    kept = {}
    for number, layer in enumerate(trainer.method._layers.values()):
        torch.nn.init.normal_(layer.up, std=0.05, generator=torch.Generator().manual_seed(number))
    for group in trainer.run.optimizer.param_groups:
        group["lr"] = 0.0
    params = {name: p for name, p in trainer.run.model.named_parameters() if p.requires_grad}

    def keep(run):
        kept.update({name: p.grad.clone() for name, p in params.items()})
        Loramoe.after_backward(trainer.method, run)

    trainer.method.after_backward = keep
    with trainer._training():
        trainer.step(trainer._encode(data, label="test"), rate=0.0)
    return kept


def test_the_term_is_added_to_the_mean_loss(llama):
    """Against the model's loss and router weights that hooks caught, example by example."""
    with_term = gradient_of_a_step(make(llama, dropout=0, balance=0.7, reduction="sum"), DATA)
    without = make(llama, dropout=0, balance=0)
    plain = gradient_of_a_step(without, DATA)
    model, layers = without.run.model, without.method._layers
    how = Balance(2, 0.1, reduction="sum")
    total = 0.0
    for one in DATA:
        with caught(layers) as found:
            without.run.loss([one])
        weights = [only for (only,) in found.values()]
        kind = [0 if one.task == "own/word" else 1]
        total = total + 0.7 * localized_balance(weights, mask=torch.ones(weights[0].shape[:2]), types=kind, how=how)
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    extra = torch.autograd.grad(
        total / len(DATA), [dict(model.named_parameters())[name] for name in names], allow_unused=True
    )
    for name, term in zip(names, extra, strict=True):
        wanted = plain[name] + (0 if term is None else term)
        torch.testing.assert_close(with_term[name], wanted, rtol=1e-4, atol=1e-6)
    assert any(term is not None and term.abs().max() > 1e-3 for term in extra)


def test_the_reported_and_the_evaluated_loss_are_without_the_term(llama):
    losses = []
    for balance in (0, 100.0):
        trainer = make(llama, balance=balance, dropout=0)
        with torch.no_grad(), evaluating(trainer.run.model):
            losses.append(trainer.run.loss(DATA).item())
    assert losses[0] == losses[1]


@pytest.mark.parametrize("options", [{}, {"formula": "code", "reduction": "sum", "sign": "matching"}])
def test_micro_batches_change_nothing_but_rounding(llama, options):
    whole, parts = (
        gradient_of_a_step(
            make(llama, dropout=0, balance=1.0, trainer={"runtime": {"micro_batch": size}}, **options), DATA
        )
        for size in (8, 2)
    )
    for name in whole:
        torch.testing.assert_close(whole[name], parts[name], rtol=1e-3, atol=1e-6)


def test_nothing_is_kept_after_a_step(llama):
    trainer = make(llama)
    gradient_of_a_step(trainer, DATA)
    assert [layer.routed for layer in trainer.method._layers.values()] == [None] * 6


def test_the_base_stays_and_the_experts_move(llama):
    trainer = make(llama)
    base = {name: p.detach().clone() for name, p in trainer.run.model.named_parameters() if not p.requires_grad}
    before = own(trainer)
    trainer.train(FIRST, DATA)
    after = dict(trainer.run.model.named_parameters())
    assert all(torch.equal(after[name], old) for name, old in base.items())
    assert all(not torch.equal(after[name], old) for name, old in before.items())
    assert trainer.method.footprint() == Footprint(extra_parameters=sum(p.numel() for p in before.values()))


def test_bf16_trains_fp32_experts(llama):
    trainer = make(llama, balance=1.0, trainer={"precision": "bf16"})
    before = own(trainer)
    trainer.train(FIRST, DATA)
    for name, p in own(trainer).items():
        assert p.dtype == torch.float32
        assert p.isfinite().all()
        assert not torch.equal(p, before[name])


@pytest.mark.parametrize(("sign", "lower"), [("paper", True), ("matching", False)])
def test_training_moves_the_matching_experts_as_the_sign_says(llama, sign, lower):
    trainer = make(llama, sign=sign, balance=10.0, delta=0.5, trainer={"learning_rate": 0.03, "epochs": 8})
    data = small.examples(8)
    trainer.train(Experience(index=1, task="own/word", epochs=8), data)
    trainer.method.after_experience(trainer.run, FIRST, data)
    share = trainer.run.notes["loramoe"]["tasks"]["own/word"]["own_share"]
    assert share == pytest.approx(0.25 if lower else 0.75, abs=0.05)


# --- the record


def test_usage_is_the_mean_router_weight_of_each_expert(llama):
    trainer = make(llama)
    trainer.train(FIRST, DATA)
    layers = trainer.method._layers
    before = torch.get_rng_state()
    trainer.method.after_experience(trainer.run, FIRST, DATA)
    assert torch.equal(torch.get_rng_state(), before)
    told = trainer.run.notes["loramoe"]
    assert (told["experts_per_group"], list(told["tasks"]), list(told["types"])) == (
        3,
        ["own/word", "own/stance"],
        ["words", "rest"],
    )
    for task, number, mine in (("own/word", 5, slice(0, 3)), ("own/stance", 3, slice(3, 6))):
        usage = told["tasks"][task]
        with torch.no_grad(), caught(layers) as weights:
            for one in DATA:
                if one.task == task:
                    trainer.run.loss([one])
        by_layer = {name: torch.cat(ones, 1).mean((0, 1)) for name, ones in weights.items()}
        overall = torch.stack(list(by_layer.values())).mean(0)
        assert usage["experts"] == pytest.approx(overall.tolist(), abs=1e-4)
        assert usage["own_share"] == pytest.approx(overall[mine].sum().item(), abs=1e-4)
        block = torch.stack([one for name, one in by_layer.items() if ".1." in name]).mean(0)
        assert usage["blocks"]["layers.1"] == pytest.approx(block.tolist(), abs=1e-4)
        assert (usage["type"], usage["after"], usage["examples"]) == (GROUPS[task], 1, number)


def test_usage_is_collected_over_experiences_and_averaged_by_type(llama):
    trainer = make(llama)
    for index, task in enumerate(GROUPS, start=1):
        data = small.examples(3, task=task)
        trainer.method.after_experience(trainer.run, Experience(index, task, 1), data)
    told = trainer.run.notes["loramoe"]
    assert list(told["tasks"]) == list(GROUPS)
    pairs = zip(told["tasks"]["own/number"]["experts"], told["tasks"]["own/stance"]["experts"], strict=True)
    assert told["types"]["rest"] == pytest.approx([sum(pair) / 2 for pair in pairs], abs=1e-4)


# --- whole runs


@pytest.fixture
def stream(tmp_path):
    return with_groups(small.write_stream(tmp_path / "stream"))


def test_whole_runs(llama, stream, tmp_path):
    shared = {"model": llama, "home": tmp_path, "protocol": {"epochs": 1}}
    (plain,) = small.run_stream(stream, "sequential", **shared)
    (ours,) = small.run_stream(stream, "loramoe", options={"loramoe": {"learning_rate": 0.03}}, **shared)
    (both,) = small.run_stream(stream, "replay+loramoe", options={"loramoe": {"learning_rate": 0.03}}, **shared)
    record = ours.record
    assert record.scores["strict"][0] == plain.record.scores["strict"][0], "row 0 is the base model"
    assert record.scores["lenient"][0] == plain.record.scores["lenient"][0]
    assert record.drift["moved"] == 0
    assert set(record.drift["blocks"]) == set(plain.record.drift["blocks"])
    assert (
        record.footprint.trainable_parameters
        == record.footprint.extra_parameters
        == 6 * (24 * 80 + 6 * 32) + 2 * 6 * 16
    )
    assert {task: usage["type"] for task, usage in record.notes["loramoe"]["tasks"].items()} == GROUPS
    assert both.record.footprint.extra_parameters == record.footprint.extra_parameters
    assert both.record.footprint.stored_examples > 0
    assert set(both.record.notes["loramoe"]["tasks"]) == set(GROUPS)
    assert both.record.notes["loramoe"] != record.notes["loramoe"]


class Killed(BaseException):
    """What `kill -9` looks like from inside."""


def test_killed_and_continued_it_ends_as_if_nothing_had_been(llama, stream, tmp_path, monkeypatch):
    from clbench.engine.runner import Runner

    def run(home):
        runtime = {"checkpoint_steps": 1}
        (outcome,) = small.run_stream(stream, "loramoe", model=llama, home=home, runtime=runtime)
        return outcome

    whole = run(tmp_path / "whole")
    on_step = Runner.on_step
    for number in (1, 6):  # inside the first task, and inside the second

        def killed(self, told, number=number):
            on_step(self, told)
            if told.step == number:
                raise Killed

        monkeypatch.setattr(Runner, "on_step", killed)
        with pytest.raises(Killed):
            run(tmp_path / "home")
    monkeypatch.setattr(Runner, "on_step", on_step)
    again = run(tmp_path / "home")
    assert again.record.scores == whole.record.scores
    assert again.record.notes == whole.record.notes
    assert again.record.warnings == whole.record.warnings


# --- what several processes and other methods may do


def test_a_pass_that_counts_nothing_adds_nothing(llama):
    """Where devices outnumber a step's examples, one passes an example on without a task, so that none waits."""
    trainer = make(llama)
    layers = trainer.method._layers.values()
    ids = torch.tensor([[5, 6, 7]])
    trainer.run.model.train()(ids)
    assert all(layer.routed is not None for layer in layers)
    assert trainer.method.extra_loss(trainer.run, {"attention_mask": torch.ones_like(ids)}, None) is None
    assert all(layer.routed is None for layer in layers)


def test_a_layer_that_took_no_part_is_named(llama):
    trainer = make(llama)
    trainer.run.row_tasks = ("own/word",)
    with pytest.raises(RunError, match=r"layers\.0\.mlp\.gate_proj recorded no router weights"):
        trainer.method.extra_loss(trainer.run, {"attention_mask": torch.ones(1, 3)}, None)
