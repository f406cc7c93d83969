"""Every setting of a pre-training run; the defaults are those of the bundled weights."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields

PRECISIONS = ("auto", "fp32", "bf16")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run depends on. Two runs of one plan are the same run.

    Args:
        seed: Of the initial weights and of the stream of documents.
        steps: Optimizer steps.
        rows: Packed sequences a step.
        length: Tokens a packed sequence.
        learning_rate: AdamW's at its peak: embedding and norms.
        matrix_rate: Muon's at its peak: the matrices of the blocks.
        final_share: Rates of the last step, as a share of the peak (cosine in between).
        warmup: Steps of linear warm-up.
        weight_decay: Muon's, on the matrices of the blocks.
        clip: Largest norm of the whole gradient.
        prompt_weight: Weight of a prompt's tokens in the loss, where an answer's weigh 1.
        text_weight: Weight of the tokens of running text, which has no prompt.
        hidden: Width of the residual stream.
        layers: Transformer blocks.
        heads: Attention heads, each with keys and values of its own.
        inner: Width of the gated feed-forward part.
        precision: `auto` is bf16 on a GPU and fp32 on a CPU; parameters and moments stay fp32.
        threads: CPU threads; another number sums in another order and gives other last bits.
        compile: Whether torch compiles the model (faster; other last bits).
    """

    seed: int = 0
    steps: int = 6000
    rows: int = 8
    length: int = 256
    learning_rate: float = 3e-3
    matrix_rate: float = 8e-3
    final_share: float = 0.03
    warmup: int = 50
    weight_decay: float = 0.05
    clip: float = 1.0
    prompt_weight: float = 0.1
    text_weight: float = 0.5
    hidden: int = 128
    layers: int = 4
    heads: int = 4
    inner: int = 384
    precision: str = "auto"
    threads: int = 2
    compile: bool = False

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision {self.precision!r} is none of {', '.join(PRECISIONS)}")
        if self.hidden % self.heads:
            raise ValueError(f"hidden={self.hidden} is no multiple of heads={self.heads}")
        if min(self.steps, self.rows, self.length) < 1:
            raise ValueError("steps, rows and length must be at least 1")

    def share(self, step: int) -> float:
        """The rates of a step, counted from 0, as a share of their peaks: linear warm-up, then a cosine."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        progress = (step - self.warmup) / max(1, self.steps - 1 - self.warmup)
        cosine = (1 + math.cos(math.pi * min(1.0, progress))) / 2
        return self.final_share + (1 - self.final_share) * cosine

    def as_dict(self) -> dict[str, int | float | str | bool]:
        """The plan as JSON has it."""
        return asdict(self)

    def as_command(self) -> str:
        """The options that differ from the defaults, as the command line takes them."""
        options = []
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                flag = f"--{field.name.replace('_', '-')}"
                options.append(flag if value is True else f"{flag} {value}")
        return " ".join(options)
