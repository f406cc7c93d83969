"""`migu`: which units are heard, that the others stay, and that micro-batches change nothing."""

import pytest
import small
import torch

from clbench import Experience
from clbench.methods.compose import Compose
from clbench_peft import clbench_methods
from clbench_peft.method import Lora, LoraOptions
from clbench_peft.migu import Migu, MiguOptions, quietest

llama = small.llama
ONE = Experience(1, small.STREAM_TASKS[0], 1)


def test_the_quiet_are_all_but_the_loudest():
    loud = torch.tensor([0.1, 0.4, 0.2, 0.3])
    assert quietest(loud, 0.5).tolist() == [True, False, True, False]
    assert quietest(loud, 0.01).sum() == 3
    assert not quietest(loud, 1.0).any()


def gradients(llama, method, *, micro_batch=16):
    trainer = small.make_trainer(llama, method=method, runtime={"micro_batch": micro_batch})
    method.before_experience(trainer.run, ONE)
    rows = trainer.encoder.examples(small.examples(8))[0]
    trainer.forward_model.train()
    trainer.accumulator.gradient(rows)
    heard = {}
    for module in trainer.run.model.modules():  # the layers' own outputs, by another way
        if isinstance(module, torch.nn.Linear):
            module.register_forward_hook(lambda module, inputs, output: heard.setdefault(module, []).append(output))
    trainer.run.model.eval()
    for row in rows:
        with torch.no_grad():
            trainer.run.model(torch.tensor([row.ids]))
    method.after_backward(trainer.run)
    return trainer, heard


def test_only_the_loudest_units_have_a_gradient(llama):
    trainer, heard = gradients(llama, Migu(MiguOptions(share=0.25)))
    layers = dict(trainer.run.model.named_modules())
    assert "lm_head" not in trainer.method._layers
    for name in trainer.method._layers:
        outputs = torch.cat([one[0].abs() / one[0].abs().sum(-1, keepdim=True) for one in heard[layers[name]]])
        moved = layers[name].weight.grad.abs().sum(1) > 0
        assert moved.sum() <= round(0.25 * len(moved))
        loudest = outputs.sum(0).topk(round(0.25 * len(moved))).indices.tolist()
        assert set(moved.nonzero()[:, 0].tolist()) <= set(loudest)
    assert trainer.run.notes["migu"]["updated_share"] == pytest.approx(0.25, abs=0.02)


def test_with_an_adapter_it_masks_rows_of_b(llama):
    lora = Lora(LoraOptions(dropout=0.0))
    trainer, _ = gradients(llama, Compose({"lora": lora, "migu": Migu(MiguOptions(share=0.5))}))
    names = set(trainer.method.members["migu"]._layers)
    assert names
    assert all(".lora_B." in name for name in names)


def test_spec():
    (spec,) = (one for one in clbench_methods() if one.name == "migu")
    assert spec.problem() == ""
    assert spec.load() is Migu
