"""transformers' continuous batching: a paged cache, and new prompts in the place of those that have ended. For GPUs."""

from __future__ import annotations

import contextlib
import copy
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch

from clbench.evaluation.engines import checking
from clbench.evaluation.engines.engine import Batch, Place
from clbench.training import head


@dataclass(slots=True)
class Continuous:
    """`generate_batch` of all prompts of a task at once.

    Args:
        place: of the model.
        sizes: of the cache (`num_blocks`, `max_batch_tokens`); what transformers finds good where they are not given.
    """

    place: Place
    sizes: dict[str, int] = field(default_factory=dict)
    name: ClassVar[str] = "continuous"
    plans: ClassVar[bool] = True

    @staticmethod
    def missing(device: torch.device) -> str:
        """Why it cannot be had on a device; empty where it can."""
        return "" if device.type == "cuda" else "continuous batching needs a GPU, and runs on the CPU here"

    def refusal(self, model: Any, sample: Batch) -> str:
        """A model that is wrapped, or one that transformers cannot batch in this way."""
        if head.bare(model) is not model or not hasattr(model, "generate_batch"):
            return "the model is wrapped, or has no generate_batch"
        return checking.refusal(self, model, sample, self.place)

    def write(self, model: Any, batch: Batch) -> list[list[int]]:
        """New tokens of each prompt.

        Raises:
            RuntimeError: what became of a prompt that has no answer.
        """
        from transformers import ContinuousBatchingConfig

        how = copy.deepcopy(model.generation_config)
        how.eos_token_id, how.do_sample = sorted(batch.ends) or -1, False
        options: dict[str, Any] = {**self.sizes}
        if (
            "auto_switch_to_flash" in inspect.signature(ContinuousBatchingConfig).parameters
        ):  # transformers 5.17 has none
            options["auto_switch_to_flash"] = False
        with (
            torch.inference_mode(mode=False),
            torch.no_grad(),
            _as_it_was(model, self.place),
        ):  # another thread's tensors
            told = model.generate_batch(
                [list(prompt) for prompt in batch.prompts],
                generation_config=how,
                continuous_batching_config=ContinuousBatchingConfig(**options),
                max_new_tokens=batch.limit,
            )
        if len(told) != len(batch.prompts) or any(one.error for one in told.values()):
            raise RuntimeError(next((one.error for one in told.values() if one.error), "prompts without an answer"))
        return [list(one.generated_tokens) for one in told.values()]


@contextlib.contextmanager
def _as_it_was(model: Any, place: Place) -> Iterator[None]:
    """Within, the model's passes have the run's precision, in whichever thread; afterwards it is as before."""
    attention, forward = model.config._attn_implementation, model.forward

    def in_precision(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast(place.device.type, dtype=torch.bfloat16, enabled=place.precision == "bf16"):
            return forward(*args, **kwargs)

    model.forward = in_precision
    try:
        yield
    finally:
        del model.forward
        if model.config._attn_implementation != attention:
            model.set_attn_implementation(attention)
