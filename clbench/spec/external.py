"""Probes that another library asks and judges: what a plugin's `clbench_load_probe` returns."""

from __future__ import annotations

import json
from typing import Any, NamedTuple, Protocol


class Judged(NamedTuple):
    """One question, asked and judged.

    Args:
        prompt: what the model was given.
        response: what it answered, as text.
        answer: what was expected, as text.
        score: 0 to 1.
    """

    prompt: str
    response: str
    answer: str
    score: float

    def prediction(self) -> str:
        """Response and score as the text that the scorer `stated` reads."""
        return json.dumps({"response": self.response, "score": self.score}, ensure_ascii=False)


class ExternalProbe(Protocol):
    """A probe of another library; its answers are stored with the scores that it gave them.

    Args:
        name: as a task's, such as `lm-eval/mmlu`.
        summary: one line for people.
        identity: all that its scores depend on, as JSON values: version, shots, metric.
    """

    name: str
    summary: str
    identity: dict[str, Any]

    def measure(self, model: Any, tokenizer: Any, *, batch_size: int, limit: int | None) -> list[Judged]:
        """Ask a model.

        Args:
            model: the causal LM as it is in memory, on its device, in evaluation mode.
            tokenizer: its tokenizer.
            batch_size: prompts a batch.
            limit: how many questions at most; all when None.

        Raises:
            ClbenchError: it cannot be asked.
        """
        ...
