"""Parameters that come in later tasks: trained, counted, and there again after an interruption."""

import json

import pytest
import small
import torch

from clbench.base.errors import RunError
from clbench.methods.added import added
from clbench.methods.method import Method
from clbench.methods.methodspec import MethodSpec
from clbench.testing import trial

SPEC = MethodSpec("biases", f"{__name__}:Biases", "a bias a task, added to the last hidden states")


class Biases(Method):
    """The last hidden states get the sum of all tasks' biases; that of the present task is trained."""

    def prepare_model(self, model):
        model.model.norm.register_forward_hook(lambda module, inputs, output: output + total(model))
        return model

    def before_experience(self, run, experience):
        for p in added(run.model).values():
            p.requires_grad_(False)
        run.add_parameters({f"bias_{experience.index}": torch.zeros(run.model.config.hidden_size)})


def total(model):
    return sum(added(model).values())


@pytest.fixture(scope="module")
def lab():
    return small.registry_with(SPEC)


def test_each_task_trains_its_own_and_the_record_counts_them(llama, tmp_path, lab):
    stream = small.write_stream(tmp_path / "stream", epochs=1)
    (outcome,) = small.run_stream(stream, "biases", model=llama, home=tmp_path, lab=lab)
    (plain,) = small.run_stream(stream, model=llama, home=tmp_path / "plain")
    assert outcome.record.footprint.extra_parameters == 3 * 32
    assert plain.record.footprint.extra_parameters == 0
    assert outcome.record.drift != plain.record.drift


def test_the_optimizer_trains_what_was_added_and_the_schedule_scales_it(llama):
    trainer = small.make_trainer(llama)
    (p,) = trainer.run.add_parameters({"own": torch.ones(3)}).values()
    assert trainer.run.add_parameters({"own": torch.zeros(3)})["own"] is p
    groups = trainer.run.optimizer.param_groups
    assert [len(group["params"]) for group in groups][1:] == [1]
    assert groups[1]["base_lr"] == trainer.run.protocol.learning_rate
    assert not p.any()
    with pytest.raises(RunError, match=r"with shape \(3,\)"):
        trainer.run.add_parameters({"own": torch.zeros(4)})
    with pytest.raises(RunError, match="must be letters"):
        trainer.run.add_parameters({"own.bias": torch.zeros(4)})


@pytest.mark.parametrize("reset", [True, pytest.param(False, marks=pytest.mark.long)])
def test_killed_and_taken_up_it_ends_as_if_nothing_had_been(lab, monkeypatch, reset):
    monkeypatch.setitem(trial.world.PROTOCOL, "reset_optimizer", reset)
    choice = lab.composition("biases")
    whole, killed = (trial.run(choice, {}, registry=lab, sizes=(8, 8), kill_every=n) for n in (0, 5))
    assert whole.error is killed.error is None
    assert killed.deaths
    assert json.dumps(whole.record) == json.dumps(killed.record)
    assert whole.files == killed.files
    assert whole.losses[-1] == killed.losses[-1]
