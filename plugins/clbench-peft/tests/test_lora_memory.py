"""LoRA's memory on a model of 1.2 B parameters, counted on tensors without content."""

import fakes
import pytest
import torch

from clbench.models.loading import recompute
from clbench_peft.method import Lora

GB = 10**9
MEETINGBANK = 712  # tokens of one of its records on average
LONGEST = 1024 + 512  # a prompt's and an answer's, by TRACE's protocol


def adapted(model, *, recomputed):
    model = Lora().prepare_model(model.requires_grad_(False))
    if recomputed:
        recompute(model)
    return model


@pytest.mark.parametrize(
    ("width", "answer", "recomputed", "most"),
    [(MEETINGBANK, 80, False, 27), (MEETINGBANK, 80, True, 5), (LONGEST, 512, True, 9)],
)
def test_sixteen_texts_at_once(width, answer, recomputed, most):
    """The base in bf16, logits in chunks: 14 GB at most with activation checkpoints, of however long texts."""
    texts = fakes.batch(rows=16, width=width, answer=answer)
    shape = fakes.TINYLLAMA | {"vocab_size": 49_152, "max_position_embeddings": 2048}
    how = {"dtype": torch.bfloat16, "layers": 22, **shape}
    with fakes.llama(lambda model: adapted(model, recomputed=recomputed), **how) as model:
        assert 2.3 * GB < sum(p.numel() * p.element_size() for p in model.parameters()) < 2.4 * GB
        held = fakes.step(model, texts, half=True)
    assert 0.8 * most < held.most / GB < most
