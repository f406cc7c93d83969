"""Adapters that go on knowing their past, as methods of clbench. Registration only; torch stays unloaded."""

from __future__ import annotations

from collections.abc import Iterable

from clbench import MethodSpec, hookimpl


@hookimpl
def clbench_methods() -> Iterable[MethodSpec]:
    """`ilora`, an adapter and its slow copy; `sapt`, `conpet` and `absa-cl`, adapters of all tasks."""
    yield MethodSpec(
        name="ilora",
        target="clbench_adapters.ilora:Ilora",
        summary="a low-rank adapter, its slow average that answers, a memory on which their hidden states agree",
        capabilities=frozenset(
            {"changes_model", "freezes_base", "edits_data", "stores_examples", "adds_loss", "extra_backward"}
        ),
        limit="it measures with its slow adapter in the place of the trained one, which is whole",
        source="Ren et al., Analyzing and Reducing Catastrophic Forgetting in Parameter Efficient Tuning, ICASSP 2025, "
        "arXiv:2402.18865",
    )
    yield MethodSpec(
        name="sapt",
        target="clbench_adapters.sapt:Sapt",
        summary="a low-rank adapter a task, all of them mixed by an attention that is learned with them and kept",
        capabilities=frozenset({"changes_model", "freezes_base", "routes_prompts", "adds_loss", "stores_examples"}),
        limit="it reads prompts and adapters of past tasks between steps",
        source="Zhao et al., SAPT: A Shared Attention Framework for Parameter-Efficient Continual Learning of Large "
        "Language Models, ACL 2024, arXiv:2401.08295",
    )
    yield MethodSpec(
        name="conpet",
        target="clbench_adapters.conpet:Conpet",
        summary="a low-rank adapter a task, kept; a classifier, learned on a few prompts of each task, selects one",
        capabilities=frozenset(
            {"changes_model", "freezes_base", "routes_prompts", "stores_examples", "extra_backward"}
        ),
        limit="it reads the model between steps, each process as many prompts as it has",
        source="Song et al., ConPET: Continual Parameter-Efficient Tuning for Large Language Models, 2023, "
        "arXiv:2309.14763",
    )
    yield MethodSpec(
        name="absa-cl",
        target="clbench_adapters.absa:AbsaCl",
        summary="a low-rank adapter a task, orthogonal to one that all tasks share; a router chooses for each prompt",
        capabilities=frozenset(
            {
                "changes_model",
                "freezes_base",
                "routes_prompts",
                "adds_loss",
                "edits_data",
                "stores_examples",
                "extra_backward",
                "one_process",
            }
        ),
        limit="it trains one of its adapters at a time, and several processes wait for the gradients of both",
        source="Ding et al., Boosting Large Language Models with Continual Learning for Aspect-based Sentiment "
        "Analysis, EMNLP Findings 2024, arXiv:2405.05496",
    )
