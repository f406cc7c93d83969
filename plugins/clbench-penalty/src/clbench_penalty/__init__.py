"""Penalties and averaging, as methods of clbench. Registration only; torch stays unloaded."""

from __future__ import annotations

from collections.abc import Iterable

from clbench import MethodSpec, hookimpl


@hookimpl
def clbench_methods() -> Iterable[MethodSpec]:
    """The methods `l2`, `l1`, `ewc`, `lwf` and `wise-ft`."""
    yield MethodSpec(
        name="l2",
        target="clbench_penalty.method:L2",
        summary="squared distance to the base weights, as a gradient",
        capabilities=frozenset({"edits_gradients", "sharded_ok"}),
        source="Li et al., Explicit Inductive Bias for Transfer Learning with Convolutional Networks, ICML 2018, "
        "arXiv:1802.01483",
    )
    yield MethodSpec(
        name="l1",
        target="clbench_penalty.method:L1",
        summary="absolute distance to the base weights, as a gradient",
        capabilities=frozenset({"edits_gradients", "sharded_ok"}),
        source="baseline of Chen et al., MoFO, 2024, arXiv:2407.20999",
    )
    yield MethodSpec(
        name="ewc",
        target="clbench_penalty.ewc:Ewc",
        summary="squared distance to the weights after earlier tasks, weighted by their Fisher values",
        capabilities=frozenset({"edits_gradients", "sharded_ok"}),
        source="Kirkpatrick et al., Overcoming Catastrophic Forgetting in Neural Networks, PNAS 2017, "
        "arXiv:1612.00796; online form: Schwarz et al., ICML 2018, arXiv:1805.06370",
    )
    yield MethodSpec(
        name="lwf",
        target="clbench_penalty.lwf:Lwf",
        summary="distillation from the model as it was before the task, on the task's own answers",
        capabilities=frozenset({"adds_loss", "extra_backward"}),
        limit="its teacher is the model's own modules at other weights, which are whole",
        source="Li and Hoiem, Learning without Forgetting, ECCV 2016, arXiv:1606.09282",
    )
    yield MethodSpec(
        name="wise-ft",
        target="clbench_penalty.method:WiseFt",
        summary="measures the mean of base and fine-tuned weights; training is left alone",
        source="Wortsman et al., Robust Fine-Tuning of Zero-Shot Models, CVPR 2022, arXiv:2109.01903",
    )
