"""`rft`: of several own answers to each prompt, the first that is right is trained on; the others are thrown away.

    L = −Σ_x log π(y_x | x) / tokens,   y_x = the first of y¹ … yⁿ ~ π(· | x) with r(x, y) ≥ threshold

A prompt without such an answer is passed over (`otherwise=skip`), or trained on by its reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar, Literal, final

from pydantic import Field

from clbench import Example, Footprint, Method, MethodOptions, Run
from clbench.data.tokenising import Encoded
from clbench_onpolicy.sampling import FORWARD, Passes, SamplingOptions, rewards, scored


class RftOptions(SamplingOptions):
    """Options of `rft`.

    Args:
        temperature: see `SamplingOptions`.
        max_new_tokens: see `SamplingOptions`.
        samples: n answers a prompt; 0 is plain fine-tuning.
        threshold: score (0–1) from which an answer counts as right.
        otherwise: what a prompt without a right answer is: nothing (`skip`), or its `reference`.
    """

    samples: int = Field(default=4, ge=0, le=1024)
    threshold: float = Field(default=1.0, gt=0, le=1)
    otherwise: Literal["skip", "reference"] = "skip"


@final
class Rft(Method):
    """Plain fine-tuning on answers of its own."""

    Options: ClassVar[type[MethodOptions]] = RftOptions
    options: RftOptions

    def __init__(self, options: RftOptions | None = None) -> None:
        super().__init__(options)
        self._passes = Passes()

    def batch_data(self, run: Run, batch: Sequence[Example]) -> Sequence[Example | Encoded]:
        """The step's right answers; examples of the past stay as they are."""
        options = self.options
        if not options.samples:
            return batch
        own, past = scored(run, batch)
        groups = run.generate(
            own,
            n=options.samples,
            temperature=options.temperature,
            max_new_tokens=options.max_new_tokens,
            stream="rft.samples",
        )
        worth = rewards(run, groups)
        chosen: list[Example | Encoded] = []
        for one, group, scores in zip(own, groups, worth, strict=True):
            right = next((said for said, score in zip(group, scores, strict=True) if score >= options.threshold), None)
            if right is not None:
                chosen += run.encode([one], [right.ids])
            elif options.otherwise == "reference":
                chosen.append(one)
        self._count(run, len(own), chosen=len(chosen), worth=worth)
        return [*chosen, *past]

    def _count(self, run: Run, own: int, *, chosen: int, worth: Sequence[Sequence[float]]) -> None:
        passes = self._passes
        passes.own += own
        passes.all += own * self.options.samples * FORWARD + chosen
        passes.right += sum(map(sum, worth))
        passes.samples += sum(map(len, worth))
        trained = run.notes.get("rft", {}).get("trained", 0) + chosen
        run.note("rft", {**passes.told(), "trained": trained})

    def state_dict(self) -> dict[str, Any]:
        """Counts."""
        return {"passes": asdict(self._passes)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take them up."""
        self._passes = Passes(**state["passes"])

    def footprint(self) -> Footprint:
        """Sampling, on top of what is trained."""
        return Footprint(extra_passes=self._passes.extra)
