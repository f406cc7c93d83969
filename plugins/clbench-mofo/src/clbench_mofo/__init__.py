"""Methods that train a part of all weights: `mofo`, `hft`, `gmt`. Registration only; torch stays unloaded."""

from __future__ import annotations

from collections.abc import Iterable

from clbench import MethodSpec, hookimpl


@hookimpl
def clbench_methods() -> Iterable[MethodSpec]:
    """`mofo`, whose ablations are values of the option `score`; `hft`; `gmt`."""
    yield MethodSpec(
        name="mofo",
        target="clbench_mofo.method:Mofo",
        summary="AdamW that moves only the entries with the largest momentum in each tensor",
        capabilities=frozenset({"owns_optimizer", "sharded_ok"}),
        source="Chen et al., MoFO: Momentum-Filtered Optimizer for Mitigating Forgetting in LLM Fine-Tuning, 2024, "
        "arXiv:2407.20999",
    )
    yield MethodSpec(
        name="hft",
        target="clbench_mofo.hft:Hft",
        summary="half fine-tuning: half of each layer's modules is frozen, drawn anew for each task",
        capabilities=frozenset({"edits_gradients", "sharded_ok"}),
        source="Hui et al., HFT: Half Fine-Tuning for Large Language Models, 2024, arXiv:2404.18466",
    )
    yield MethodSpec(
        name="gmt",
        target="clbench_mofo.gmt:Gmt",
        summary="gradient-mask tuning: only the largest gradient entries of each tensor",
        capabilities=frozenset({"edits_gradients", "sharded_ok"}),
        source="Li et al., Enhancing Large Language Model Performance with Gradient-Based Parameter Selection, 2025, "
        "AAAI, arXiv:2406.15330",
    )
