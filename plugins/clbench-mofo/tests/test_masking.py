"""GMT's masks by the kernels, against its masks by torch's operations."""

from __future__ import annotations

import pytest
import torch

from clbench_mofo.gmt import mask

pytest.importorskip("triton", reason="this build of torch comes without Triton")
from clbench_mofo.masking import Masks

WHERE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def gradients(step):
    generator = torch.Generator().manual_seed(step)
    some = [torch.randn(shape, generator=generator) for shape in ((33, 65), (7,), ())]
    some += [torch.randn(40, 50, generator=generator).to(torch.bfloat16), torch.zeros(9, 9)]
    return [one.to(WHERE) for one in some]


@pytest.mark.parametrize("ratio", [0.001, 0.2, 1.0])
def test_masks_are_the_torch_paths(ratio):
    masks = Masks()
    for step in range(2):
        ours, theirs = gradients(step), gradients(step)
        masks.apply(ours, ratio=ratio)
        assert all(torch.equal(one, mask(other, ratio=ratio)) for one, other in zip(ours, theirs, strict=True))


def test_a_nan_stays_for_the_loop_to_find():
    ours = gradients(0)
    ours[0][3, 4] = float("nan")
    Masks().apply(ours, ratio=0.1)
    assert ours[0].isnan().sum() == 1
