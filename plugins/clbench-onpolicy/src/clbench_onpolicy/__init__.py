"""On-policy methods of clbench: a model learns from its own answers. Registration only; torch stays unloaded."""

from __future__ import annotations

from collections.abc import Iterable

from clbench import Capability, MethodSpec, hookimpl

_SAMPLES: frozenset[Capability] = frozenset({"edits_data", "extra_backward"})


@hookimpl
def clbench_methods() -> Iterable[MethodSpec]:
    """The methods `rft`, `grpo` and `sdft`."""
    yield MethodSpec(
        name="rft",
        target="clbench_onpolicy.rft:Rft",
        summary="rejection sampling: trains on its own answers that are right, and on nothing else",
        capabilities=_SAMPLES,
        limit="the model writes between steps, each process as long as its own answers take",
        source="Yuan et al., Scaling Relationship on Learning Mathematical Reasoning with Large Language Models, 2023, "
        "arXiv:2308.01825; on forgetting: Shenfeld et al., RL's Razor, 2025, arXiv:2509.04259",
    )
    yield MethodSpec(
        name="grpo",
        target="clbench_onpolicy.grpo:Grpo",
        summary="policy gradient: own answers weighted by their score against others to the same prompt",
        capabilities=_SAMPLES.union(("replaces_loss",)),
        limit="the model writes between steps, each process as long as its own answers take",
        source="Shao et al., DeepSeekMath, 2024, arXiv:2402.03300; on forgetting: arXiv:2509.04259, arXiv:2607.01763",
    )
    yield MethodSpec(
        name="sdft",
        target="clbench_onpolicy.sdft:Sdft",
        summary="self-distillation: on its own answers, towards itself as it answers when it sees the reference",
        capabilities=_SAMPLES.union(("replaces_loss",)),
        limit="the model writes between steps, each process as long as its own answers take",
        source="Shenfeld et al., Self-Distillation Enables Continual Learning, 2026, arXiv:2601.19897; its limits: "
        "Wang et al., 2026, arXiv:2607.01763",
    )
