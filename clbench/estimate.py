"""What a run will take, before it runs: steps, tokens, generations, memory. For `clbench run --dry-run`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clbench.data.tokenising import Encoder
from clbench.episodes import due, episodes, num_steps
from clbench.errors import ModelError
from clbench.models import load_config, load_tokenizer

if TYPE_CHECKING:
    from clbench.runconfig import RunConfig

BYTES_PER_PARAMETER = 16  # fp32 weights, gradients and AdamW's two moments


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of one run.

    Args:
        parameters: of the model.
        steps: optimizer steps.
        train_tokens: without padding and without what a method adds.
        prompts: to be answered.
        max_generated_tokens: if every answer ran into its limit.
        state_bytes: weights, gradients, AdamW's moments; activations come on top.
        logits_bytes: of one micro-batch of the longest answers, fp32; the largest single activation as a rule.
    """

    parameters: int
    steps: int
    train_tokens: int
    prompts: int
    max_generated_tokens: int
    state_bytes: int
    logits_bytes: int


def estimate(config: RunConfig) -> Estimate:
    """Tokenises the training data; loads no weights."""
    plan, protocol, regime = config.plan, config.plan.protocol, config.choice.regime
    tokenizer = load_tokenizer(config.model)
    encoder = Encoder(tokenizer, max_prompt=protocol.max_prompt_tokens, max_answer=protocol.max_answer_tokens)
    encoded = [encoder.examples(one.train)[0] for one in config.data]
    epochs = plan.epochs()
    rows = [0, *(episode.row for episode in episodes(regime, len(plan.tasks)))]
    positions = [
        position
        for row in rows
        for position in due(row, num_tasks=len(plan.tasks), schedule=protocol.evaluate, regime=regime)
    ]
    parameters, vocabulary = _size(config)
    longest = max(one.num_answer for examples in encoded for one in examples) + 1
    limits = [min(task.max_new_tokens, protocol.max_answer_tokens) for task in plan.tasks]
    trained = 0 if regime == "frozen" else 1
    return Estimate(
        parameters=parameters,
        steps=num_steps(
            [len(one) for one in encoded], epochs=epochs, global_batch=protocol.global_batch, regime=regime
        ),
        train_tokens=trained
        * sum(times * sum(len(one.ids) for one in examples) for times, examples in zip(epochs, encoded, strict=True)),
        prompts=sum(len(config.data[position].test) for position in positions),
        max_generated_tokens=sum(len(config.data[position].test) * limits[position] for position in positions),
        state_bytes=parameters * (BYTES_PER_PARAMETER if trained else 4),
        logits_bytes=4 * config.runtime.micro_batch * longest * vocabulary,
    )


def _size(config: RunConfig) -> tuple[int, int]:
    """Parameters and vocabulary, from the configuration alone."""
    import torch
    from transformers import AutoModelForCausalLM

    settings = load_config(config.model)
    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(settings, trust_remote_code=config.model.trust_remote_code)
    except Exception as error:
        raise ModelError(f"model {config.model.name!r}: is no causal LM ({str(error)[:200]})") from error
    return sum(p.numel() for p in model.parameters()), model.get_input_embeddings().weight.shape[0]
