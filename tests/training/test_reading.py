"""Numbers that are read a step late: the same ones, told of the right step, and none that a pass waits for."""

import math
from types import SimpleNamespace

import pytest
import small
import torch

from clbench.base.errors import DivergedError, RunError
from clbench.data import batches
from clbench.methods.method import Experience, Method
from clbench.training import reading
from clbench.training.trainer import Trainer

ONE = Experience(index=1, task="own/word", epochs=1)


def late_trainer(folder, **how):
    trainer = small.make_trainer(folder, global_batch=4, **how)
    trainer.late = True
    return trainer


def test_the_same_numbers_are_told_when_the_next_step_has_been_handed_over(llama):
    plain, late, order = small.make_trainer(llama, global_batch=4), late_trainer(llama), []
    plain.train(ONE, small.examples(12))
    log = late.on_step
    late.on_step = lambda told: (order.append(("told", told.step)), log(told))
    late.at_rest = lambda done: order.append(("rest", done))
    late.train(ONE, small.examples(12))
    assert log.losses == plain.on_step.losses
    assert order == [("rest", 1), ("told", 1), ("rest", 2), ("told", 2), ("rest", 3), ("told", 3)]


def test_a_step_is_told_before_it_is_at_rest_where_nothing_is_late(llama):
    trainer, order = small.make_trainer(llama, global_batch=4), []
    trainer.on_step = lambda told: order.append(("told", told.step, told.gradient_norm > 0))
    trainer.at_rest = lambda done: order.append(("rest", done))
    trainer.train(ONE, small.examples(8))
    assert order == [("told", 1, True), ("rest", 1), ("told", 2, True), ("rest", 2)]


class Spoil(Method):
    """Makes a number of the second step none."""

    def __init__(self, what):
        super().__init__()
        self.what = what

    def after_backward(self, run):
        if run.step == 1:
            run.model.model.layers[0].mlp.up_proj.weight.grad[0, 0] = self.what


@pytest.mark.parametrize("steps", [2, 4])
def test_a_gradient_that_is_none_names_its_step_and_layer(llama, steps):
    trainer = late_trainer(llama, method=Spoil(math.nan))
    text = r"the loss is a number .* optimizer step 2: 1 of 21 tensors, .* model\.layers\.0 \(mlp\.up_proj\.weight\)"
    with pytest.raises(RunError, match=text):
        trainer.train(ONE, small.examples(4 * steps))
    assert trainer.run.step == min(steps, 3), "at the next step at the latest"


def test_one_that_is_too_large_ran_away(llama):
    with pytest.raises(DivergedError, match=r"norm is inf at optimizer step 2, too large"):
        late_trainer(llama, method=Spoil(3e38)).train(ONE, small.examples(16))


def test_a_loss_that_is_none_names_its_step(llama):
    trainer = late_trainer(llama)
    trainer.train(ONE, small.examples(8))
    with torch.no_grad():
        trainer.run.model.lm_head.weight[5, 5] = math.nan
    with pytest.raises(DivergedError, match="the loss is nan at optimizer step 3"):
        trainer.train(ONE, small.examples(8))


def test_no_checkpoint_is_written_of_a_step_that_went_wrong(llama, tmp_path, monkeypatch):
    """Step 2 would be saved before its numbers are told."""
    from clbench.engine.runner import Runner

    prepare, saved, save = Trainer.prepare, [], Runner.save

    def prepare_late(self):
        prepare(self)
        self.late, self.method = True, Spoil(math.nan)

    monkeypatch.setattr(Trainer, "prepare", prepare_late)
    monkeypatch.setattr(Runner, "save", lambda self, cursor: (saved.append(cursor), save(self, cursor)))
    stream = small.write_stream(tmp_path / "stream")
    with pytest.raises(RunError, match="optimizer step 2"):
        small.run_stream(stream, "sequential", model=llama, home=tmp_path, runtime={"checkpoint_steps": 1})
    assert [(one.stage, one.done) for one in saved] == [("measure", 0), ("train", 1)]


def readings(monkeypatch, work):
    """What reads tensors as numbers, while something is done."""
    read = []

    def spy(name, real):
        return lambda self: (read.append(name), real(self))[1]

    with monkeypatch.context() as patch:
        for name in ("item", "__float__", "__bool__", "__int__"):
            patch.setattr(torch.Tensor, name, spy(name, getattr(torch.Tensor, name)))
        work()
    return sorted(read)


@pytest.mark.parametrize("packing", ["on", "off"])
def test_no_pass_reads_a_number(llama, monkeypatch, packing):
    """As many passes as a step may have, and what reads them is called once for all: `item` and its like wait."""
    from clbench.models.bearing.padding import Padding

    counts = []
    for rows in (8, 1):
        runtime = {"micro_batch": rows, "packing": packing}
        trainer = small.make_trainer(llama, global_batch=8, runtime=runtime, padding=Padding(packing=1000))
        trainer.train(ONE, small.examples(8))  # the first pass finds out what the head does
        counts.append(readings(monkeypatch, lambda trainer=trainer: trainer.train(ONE, small.examples(8))))
    if packing == "off":  # transformers looks once a pass whether positions begin anew, which padded ones never do
        counts = [[name for name in some if name != "__bool__"] for some in counts]
    assert counts[0] == counts[1]
    assert counts[0].count("item") <= 3 + 21  # loss and norm; AdamW counts each tensor's steps on the CPU


# --- what only a GPU does, with stand-ins


def test_numbers_are_copied_beside_the_work_and_waited_for_alone(monkeypatch):
    order, real = [], torch.empty

    class Event:
        def record(self):
            order.append("record")

        def synchronize(self):
            order.append("wait")

    def empty(shape, *, dtype, pin_memory):
        assert pin_memory
        kept = real(shape, dtype=dtype)
        return SimpleNamespace(
            copy_=lambda values, non_blocking: (order.append(("copy", non_blocking)), kept.copy_(values.tensor)),
            tolist=kept.tolist,
        )

    monkeypatch.setattr(reading.torch.cuda, "Event", Event)
    monkeypatch.setattr(reading.torch, "empty", empty)
    values = SimpleNamespace(is_cuda=True, shape=(2,), dtype=torch.float32, tensor=torch.tensor([1.5, 2.0]))
    read = reading.sent(values)
    assert order == [("copy", True), "record"]
    assert read() == [1.5, 2.0]
    assert order[2:] == ["wait"]


def test_a_batch_goes_to_a_gpu_from_pinned_memory_without_waiting(monkeypatch):
    sent = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self + 1)
    monkeypatch.setattr(torch.Tensor, "to", lambda self, *how, **more: sent.append((*how, more)) or self)
    assert batches.moved({"ids": torch.zeros(1)}, "cuda")["ids"].tolist() == [1.0]
    assert batches.moved({"ids": torch.zeros(1)}, "cpu")["ids"].tolist() == [0.0]
    assert sent == [("cuda", {"non_blocking": True}), ("cpu", {"non_blocking": True})]
