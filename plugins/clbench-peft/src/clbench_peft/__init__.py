"""Adapters of the peft library, as methods of clbench. Registration only; torch stays unloaded."""

from __future__ import annotations

from collections.abc import Iterable

from clbench import Capability, MethodSpec, hookimpl

_ADAPTER: frozenset[Capability] = frozenset({"changes_model", "freezes_base"})
_FOLDED = _ADAPTER.union(("folds_base",))


@hookimpl
def clbench_methods() -> Iterable[MethodSpec]:
    """Adapters (`lora`, `dora`, `olora`, `osf`, `inflora`, `epi`), soft prompts, `migu`; `peft` for other tuners."""
    yield MethodSpec(
        name="lora",
        target="clbench_peft.method:Lora",
        summary="one low-rank adapter, trained through all tasks",
        capabilities=_ADAPTER.union(("sharded_ok",)),
        source="Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, ICLR 2022, arXiv:2106.09685",
    )
    yield MethodSpec(
        name="dora",
        target="clbench_peft.method:Dora",
        summary="one low-rank adapter of directions, and a magnitude for each output unit",
        capabilities=_ADAPTER.union(("sharded_ok",)),
        source="Liu et al., DoRA: Weight-Decomposed Low-Rank Adaptation, ICML 2024, arXiv:2402.09353",
    )
    yield MethodSpec(
        name="olora",
        target="clbench_peft.olora:Olora",
        summary="a low-rank adapter a task, kept orthogonal to those of the tasks before",
        capabilities=_FOLDED.union(("adds_loss",)),
        limit="it folds each task's adapter into whole weights",
        source="Wang et al., Orthogonal Subspace Learning for Language Model Continual Learning, EMNLP Findings 2023, "
        "arXiv:2310.14152",
    )
    yield MethodSpec(
        name="osf",
        target="clbench_peft.osf:Osf",
        summary="trains the small singular directions of each weight, orthogonally to the large ones",
        capabilities=_FOLDED,
        limit="it decomposes whole weights anew for each task",
        source="Nayak et al., Sculpting Subspaces: Constrained Full Fine-Tuning in LLMs for Continual Learning, 2025, "
        "arXiv:2504.07097",
    )
    yield MethodSpec(
        name="epi",
        target="clbench_peft.epi:Epi",
        summary="a low-rank adapter a task, kept; a router chooses one for each prompt without the task's name",
        capabilities=_ADAPTER.union(("routes_prompts", "extra_backward")),
        limit="its router reads the model between steps, each process as many prompts as it has",
        source="Wang et al., Rehearsal-free Continual Language Learning via Efficient Parameter Isolation, ACL 2023",
    )
    yield MethodSpec(
        name="l2p",
        target="clbench_peft.l2p:L2p",
        summary="a pool of soft prompts, of which each input chooses some by the frozen model's feature of it",
        capabilities=_ADAPTER.union(("routes_prompts", "adds_loss", "extra_backward", "one_process")),
        limit="each row trains the soft prompts that it chooses, and processes wait for the gradients of all",
        source="Wang et al., Learning to Prompt for Continual Learning, CVPR 2022, arXiv:2112.08654",
    )
    yield MethodSpec(
        name="progressive-prompts",
        target="clbench_peft.progressive:ProgressivePrompts",
        summary="a soft prompt a task, before those of the tasks before it; a router finds out which a question needs",
        capabilities=_ADAPTER.union(("routes_prompts", "extra_backward")),
        limit="its router reads the model between steps, each process as many prompts as it has",
        source="Razdaibiedina et al., Progressive Prompts: Continual Learning for Language Models, ICLR 2023, "
        "arXiv:2301.12314",
    )
    yield MethodSpec(
        name="inflora",
        target="clbench_peft.inflora:Inflora",
        summary="a low-rank adapter a task, designed off the input directions that past tasks use",
        capabilities=_FOLDED.union(("extra_backward",)),
        limit="it takes whole inputs' and weights' directions between tasks",
        source="Liang and Li, InfLoRA: Interference-Free Low-Rank Adaptation for Continual Learning, CVPR 2024, "
        "arXiv:2404.00228",
    )
    yield MethodSpec(
        name="migu",
        target="clbench_peft.migu:Migu",
        summary="updates only the units of each linear layer that speak loudest; with an adapter or without",
        capabilities=frozenset({"edits_gradients", "sees_rows"}),
        limit="it compares the units of whole layers",
        source="Du et al., Unlocking Continual Learning Abilities in Language Models, EMNLP Findings 2024, "
        "arXiv:2406.17245",
    )
    yield MethodSpec(
        name="peft",
        target="clbench_peft.method:Peft",
        summary="any tuner of the peft library that can be injected, by its name and configuration",
        capabilities=_ADAPTER,
        limit="of its tuners only lora and dora have been tried so: take these by name",
        source="Mangrulkar et al., PEFT, https://github.com/huggingface/peft",
    )
