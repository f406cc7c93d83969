"""What a run will take, before it runs: steps, tokens, generations, memory. For `clbench run --dry-run`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from clbench.data.example import Example
from clbench.data.probes import is_foreign
from clbench.data.tokenising import Encoder, make_encoder
from clbench.forecast.holding import empty_model, holding, parts_of
from clbench.methods.episodes import due, episodes, num_steps
from clbench.models import memory
from clbench.models.loading import load_tokenizer
from clbench.training.batching import MANY_TOKENS, ROWS

if TYPE_CHECKING:
    from clbench.data.sources import TaskData
    from clbench.runs.runconfig import RunConfig

PART = 4096  # examples that are tokenised at once
SAMPLE = 20_000  # examples of a task that are tokenised at least, where it has more


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of one run.

    Args:
        parameters: of the model.
        steps: optimizer steps.
        train_tokens: without padding and without what a method adds; of a task of many records about.
        prompts: to be answered.
        max_generated_tokens: if every answer ran into its limit.
        weight_bytes: of the model, as it is kept.
        gradient_bytes: of what is trained.
        moment_bytes: AdamW's two.
        state_bytes: all three.
        activation_bytes: of one micro-batch of the longest texts, about; where that is not free, micro-batches are
            smaller.
        logits_bytes: of one micro-batch of the longest answers, fp32, which are held a chunk at a time.
        drift_bytes: of the base model that is loaded again at the end, when the optimizer is gone
            (`runtime.drift=false`: none).
        checkpoint_bytes: on disk, of each of the two that are kept: weights and moments that are trained, without what
            a method remembers.
        copy_bytes: of main memory, for the copy of a state that is written in the background
            (`runtime.background_saving=false`: none).
    """

    parameters: int
    steps: int
    train_tokens: int
    prompts: int
    max_generated_tokens: int
    weight_bytes: int
    gradient_bytes: int
    moment_bytes: int
    state_bytes: int
    activation_bytes: int
    logits_bytes: int
    drift_bytes: int
    checkpoint_bytes: int
    copy_bytes: int


def held_by(config: RunConfig) -> dict[str, int]:
    """Those bytes of an `Estimate` that depend on the method, too."""
    held = holding(parts_of(empty_model(config), config.choice, config.options), config.plan.protocol)
    drift = config.runtime.drift and config.choice.regime != "frozen"
    saved = held.gradients + held.moments  # weights that are trained are as large as their gradients
    return {
        "weight_bytes": held.weights,
        "gradient_bytes": held.gradients,
        "moment_bytes": held.moments,
        "state_bytes": held.total,
        "drift_bytes": held.weights if drift else 0,
        "checkpoint_bytes": saved,
        "copy_bytes": saved if config.runtime.background_saving else 0,
    }


def estimate(config: RunConfig) -> Estimate:
    """Tokenises the training data; loads no weights."""
    plan, protocol, regime = config.plan, config.plan.protocol, config.choice.regime
    tokenizer = load_tokenizer(config.model)
    encoder = make_encoder(tokenizer, protocol)
    sizes = [sampled_sums(encoder, one.train) for one in config.data]
    epochs = plan.epochs()
    asked = _asked(config)
    model = empty_model(config)
    parameters = sum(p.numel() for p in model.parameters())
    vocabulary = model.get_input_embeddings().weight.shape[0]
    rows, width = min(config.runtime.micro_batch or ROWS, protocol.global_batch), max(one.width for one in sizes)
    passed = max(width, min(rows * width, config.runtime.micro_tokens or MANY_TOKENS))
    recomputed, half = config.runtime.gradient_checkpointing, protocol.precision == "bf16"
    token = memory.costs(model, width=width, recomputed=recomputed, half=half)
    longest = max(one.longest for one in sizes) + 1
    limit = protocol.max_answer_tokens
    trained = 0 if regime == "frozen" else 1
    return Estimate(
        parameters=parameters,
        steps=num_steps(
            [len(one.train) for one in config.data], epochs=epochs, global_batch=protocol.global_batch, regime=regime
        ),
        train_tokens=trained * sum(times * one.tokens for times, one in zip(epochs, sizes, strict=True)),
        prompts=sum(len(one.test) for one in asked),
        max_generated_tokens=sum(
            len(one.test) * (one.task.max_new_tokens if is_foreign(one) else min(one.task.max_new_tokens, limit))
            for one in asked
            if one.task.measure == "generate"
        ),
        activation_bytes=passed * (token.learned if trained else token.read),
        logits_bytes=4 * rows * longest * vocabulary,
        **held_by(config),
    )


class Sizes(NamedTuple):
    """Of one task's training examples: all their tokens, those with a loss, the longest answer's and text's."""

    tokens: int
    answer_tokens: int
    longest: int
    width: int


def token_sums(encoder: Encoder, examples: Sequence[Example]) -> Sizes:
    """A part at a time: the tokens of a million records take gigabytes."""
    tokens = answers = longest = width = 0
    for start in range(0, len(examples), PART):
        found, _ = encoder.examples(examples[start : start + PART])
        tokens += sum(len(one.ids) for one in found)
        answers += sum(one.num_answer for one in found)
        longest = max(longest, *(one.num_answer for one in found))
        width = max(width, *(len(one.ids) for one in found))
    return Sizes(tokens, answers, longest, width)


def sampled_sums(encoder: Encoder, examples: Sequence[Example]) -> Sizes:
    """The same from every n-th example, so that of many at least `SAMPLE` are looked at, and scaled."""
    every = max(1, len(examples) // SAMPLE)
    some = token_sums(encoder, examples[::every])
    scale = len(examples) / max(1, len(examples[::every]))
    return some._replace(tokens=round(some.tokens * scale), answer_tokens=round(some.answer_tokens * scale))


def _asked(config: RunConfig) -> list[TaskData]:
    """What is answered in the whole run: in each row of R the tasks that are due, and the probes."""
    size, regime, schedule = len(config.plan.tasks), config.choice.regime, config.plan.protocol.evaluate
    answered = [one for one in config.probes if one.task.measure != "loss"]
    asked: list[TaskData] = []
    for row in [0, *(episode.row for episode in episodes(regime, size))]:
        positions = due(row, num_tasks=size, schedule=schedule, regime=regime)
        asked += [config.data[position] for position in positions]
        asked += [one for one in answered if one.plan.due(row, num_tasks=size, measured=bool(positions))]
    return asked
