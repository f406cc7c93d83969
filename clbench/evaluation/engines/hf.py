"""transformers' own `generate`: any model, and any choice of the next token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from transformers import LogitsProcessorList, StoppingCriteriaList

from clbench.data.batches import left_pad
from clbench.evaluation.engines.engine import Batch, Place
from clbench.methods.asked import asked
from clbench.models.bearing.padding import masked_attention


@dataclass(frozen=True, slots=True)
class Generate:
    """One padded batch, continued until its last row has ended.

    Args:
        place: of the model.
    """

    place: Place
    name: ClassVar[str] = "hf"
    plans: ClassVar[bool] = False

    def refusal(self, model: Any, sample: Batch) -> str:
        """Never."""
        return ""

    def write(self, model: Any, batch: Batch) -> list[list[int]]:
        """New tokens of each prompt, and padding behind those that end early."""
        ids, mask = left_pad(batch.prompts, pad=self.place.pad)
        inputs = {"input_ids": ids.to(self.place.device), "attention_mask": mask.to(self.place.device)}
        more: dict[str, Any] = {}
        if batch.stopped is not None:
            more["stopping_criteria"] = StoppingCriteriaList([_stopping(batch.stopped, ids.shape[1])])
        if batch.draw is not None:
            more["logits_processor"] = LogitsProcessorList([batch.draw])
        with masked_attention(), asked(lambda: batch.prompts):
            output = model.generate(**inputs, max_new_tokens=batch.limit, **more)
        return output[:, ids.shape[1] :].tolist()


def _stopping(stopped: Any, start: int) -> Any:
    """Which rows have come to a stop; transformers' own `stop_strings` also looks into the prompt."""

    def over(ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        rows: list[Sequence[int]] = ids.tolist()
        return torch.tensor([stopped(row, start) for row in rows], device=ids.device)

    return over
