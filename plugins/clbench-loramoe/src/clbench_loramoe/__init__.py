"""Mixtures of low-rank experts, as methods of clbench. Registration only; torch stays unloaded."""

from __future__ import annotations

from collections.abc import Iterable

from clbench import MethodSpec, hookimpl


@hookimpl
def clbench_methods() -> Iterable[MethodSpec]:
    """The methods `loramoe` and `moe-lora`."""
    yield MethodSpec(
        name="loramoe",
        target="clbench_loramoe.method:Loramoe",
        summary="low-rank experts beside the frozen feed-forward layers, mixed by routers and balanced by task type",
        capabilities=frozenset({"changes_model", "adds_loss", "freezes_base", "sees_rows", "sharded_ok"}),
        source="Dou et al., LoRAMoE: Alleviate World Knowledge Forgetting in Large Language Models via MoE-Style "
        "Plugin, ACL 2024, arXiv:2312.09979",
    )
    yield MethodSpec(
        name="moe-lora",
        target="clbench_loramoe.moe_lora:MoeLora",
        summary="a low-rank adapter cut into experts that a router mixes for each token",
        capabilities=frozenset({"changes_model", "freezes_base", "sharded_ok"}),
        source="Chen et al., CoIN: A Benchmark of Continual Instruction tuNing for Multimodal LLMs, NeurIPS 2024, "
        "arXiv:2403.08350",
    )
