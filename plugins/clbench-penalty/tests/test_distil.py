"""The divergence against its definition, and the teacher's logits against a copy of the model."""

from __future__ import annotations

import copy

import pytest
import small
import torch

from clbench.data.batches import collate
from clbench.data.tokenising import Encoder
from clbench.spec.protocol import Protocol
from clbench.training.losses import autocast, forward
from clbench_penalty.anchors import copies
from clbench_penalty.distil import Teacher, divergence


def reference(student, teacher, labels, *, temperature):
    """KL(old‖new), a loop over examples and their answer tokens in fp64."""
    means, rows = [], iter(zip(student.double(), teacher.double(), strict=True))
    for counted in (labels != -100).sum(1).tolist():
        terms = []
        for _ in range(counted):
            new, old = (torch.softmax(one / temperature, 0) for one in next(rows))
            terms.append((old * (old / new).log()).sum())
        means.append(torch.stack(terms).mean())
    return temperature**2 * torch.stack(means).mean()


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_divergence(temperature):
    torch.manual_seed(0)
    student, teacher = torch.randn(6, 7), torch.randn(6, 7)
    labels = torch.randint(0, 7, (3, 5))
    labels[0, :3] = labels[1, :2] = labels[2, :4] = -100  # 2, 3 and 1 answer tokens
    found = divergence(student, teacher, labels, temperature=temperature)
    expected = reference(student, teacher, labels, temperature=temperature)
    torch.testing.assert_close(found, expected.float(), rtol=1e-5, atol=0)
    bounds = [(0, 2), (2, 5), (5, 6)]
    parts = [
        divergence(student[a:b], teacher[a:b], labels[i : i + 1], temperature=2.0) for i, (a, b) in enumerate(bounds)
    ]
    whole = divergence(student, teacher, labels, temperature=2.0)
    torch.testing.assert_close(sum(parts) / 3, whole)


@pytest.fixture(scope="module")
def batch():
    encoder = Encoder(small.byte_level(), max_prompt=64, max_answer=8)
    return collate(encoder.examples(small.examples(3))[0], pad=encoder.pad)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("tied", [False, True])
def test_the_teacher_is_the_model_that_was(batch, precision, tied):
    model = small.make_llama(320).train()
    if tied:
        model.config.tie_word_embeddings = True
        model.tie_weights()
    old = copy.deepcopy(model).eval()
    weights = copies(model)
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(1.5)
    own = copies(model)
    with autocast(Protocol(precision=precision), torch.device("cpu")):
        forward(model, batch)  # fills autocast's memory of the student's weights
        found = Teacher(model, weights).logits(batch)
        with torch.no_grad():
            assert torch.equal(found, forward(old, batch).logits)
    assert model.training
    assert all(torch.equal(p, own[name]) for name, p in model.named_parameters())
