"""clbench's streams as Avalanche benchmarks, for those who train with Avalanche's strategies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clbench import Example
from clbench.data.sources import load_stream_data
from clbench.data.tokenising import Encoder
from clbench.engine.words import find_stream
from clbench.plugins.registry import registry
from clbench.spec.stream import StreamPlan, resolve
from clbench_avalanche.loading import load
from clbench_avalanche.tokens import collator

if TYPE_CHECKING:
    from avalanche.benchmarks import CLScenario


def benchmark(
    stream: str = "trace:mini",
    *,
    tokenizer: Any,
    train_examples: int | None = None,
    test_examples: int | None = None,
    order: str | None = None,
    protocol: Mapping[str, Any] | None = None,
) -> CLScenario:
    """A stream as an Avalanche benchmark with task labels 0 … T-1.

    `train_stream` has one experience for each task, which holds that task's training records and no other's;
    `test_stream` has every task's test records. Each experience has `task_label`, `task_name` and `epochs` (the
    protocol's for that task). Batches are made by the datasets' own `collate_fn`: see `tokens`.

    Nothing here is random. What shuffles and initialises is Avalanche's and torch's: call `torch.manual_seed` first.

    Args:
        stream: `NAME`, `NAME:VARIANT` or a stream file, as for `clbench run --stream`.
        tokenizer: of transformers, the model's.
        train_examples: the first so many training records of each task; None as the stream says.
        test_examples: likewise.
        order: as for `clbench run --order`.
        protocol: changes of the protocol, such as `{"max_prompt_tokens": 256}`.

    Raises:
        ClbenchError: no such stream, variant, order or data.
    """
    load()
    from avalanche.benchmarks import benchmark_from_datasets, with_task_labels

    known = registry()
    loaded, variant = find_stream(stream, known)
    caps = {"train_examples": train_examples, "test_examples": test_examples}
    changes = {"stream": {key: cap for key, cap in caps.items() if cap is not None}, "protocol": dict(protocol or {})}
    plan = resolve(
        loaded.stream, tasks=loaded.tasks, base_dir=loaded.base_dir, variant=variant, order=order, changes=changes
    )
    data = load_stream_data(plan, plugins=known.plugins)
    lengths = {"max_prompt": plan.protocol.max_prompt_tokens, "max_answer": plan.protocol.max_answer_tokens}
    encoder = Encoder(tokenizer, **lengths)
    streams = {
        split: [_dataset(getattr(one, split), encoder, label=label) for label, one in enumerate(data)]
        for split in ("train", "test")
    }
    return _named(with_task_labels(benchmark_from_datasets(**streams)), plan)


def _dataset(examples: Sequence[Example], encoder: Encoder, *, label: int) -> Any:
    from avalanche.benchmarks.utils import AvalancheDataset, ConstantSequence, TaskLabels

    items: Any = [(one,) for one in encoder.examples(examples)[0]]  # Avalanche appends the label to each item
    labels = TaskLabels(ConstantSequence(label, len(items)))
    return AvalancheDataset([items], data_attributes=[labels], collate_fn=collator(pad=encoder.pad))


def _named(made: Any, plan: StreamPlan) -> Any:
    for split in made.streams.values():
        for experience, task, epochs in zip(split, plan.tasks, plan.epochs(), strict=True):
            experience.task_name, experience.epochs = task.name, epochs
    return made
