"""Which figures there are, and which of them this machine can give in the time that it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clbench.base.errors import OptionError
from clbench.models.device import make_accelerator, peak, training_flops
from clbench.speed import answering, projection, steps, training
from clbench.speed.figure import Figure
from clbench.speed.lengths import TRACE
from clbench.speed.shapes import SHAPES, Shape
from clbench.speed.subject import Subject, take
from clbench.speed.timing import FEWEST

if TYPE_CHECKING:
    from accelerate import Accelerator

    from clbench.plugins.registry import Registry

PLAIN = "sequential"
METHODS = {"mofo": PLAIN, "hft": PLAIN, "gem": PLAIN, "lora": PLAIN, "loramoe": "lora"}
"""Methods that are measured where they are installed, each beside another."""
RECORDS = 16  # of a training step, and prompts of each task
ANSWER = 32  # tokens
SLOWER = 3.0  # times as long as a matrix product of as many operations: what steps take at first sight


@dataclass(slots=True)
class Suite:
    """What is measured.

    Args:
        accelerator: device.
        registry: of methods.
        methods: by name, each beside another; only installed ones.
        shapes: of models.
        seconds: that a line may take, about.
        settings: of the runs that steps are taken from.
    """

    accelerator: Accelerator
    registry: Registry
    methods: dict[str, str]
    shapes: Sequence[Shape]
    seconds: float
    settings: dict[str, Any] = field(default_factory=dict)

    def figures(self) -> Iterator[Figure]:
        """One after the other, as they are measured."""
        device, precision = self.accelerator.device, self.settings["protocol"]["precision"]
        most = peak(device, precision=precision)
        yield Figure("peak", "", f"matrix product, {precision}", most / 1e12, "TFLOP/s")
        for shape in self.shapes:
            yield from self._of(shape, most=most)

    def _of(self, shape: Shape, *, most: float) -> Iterator[Figure]:
        plain = self._take(PLAIN, shape)
        for name, other in self.methods.items():
            beside = plain if other == PLAIN else self._take(other, shape)
            subject = self._take(name, shape)
            yield from steps.optimizers(subject, budget=self.seconds)
            why = self._too_long(subject, 2, most=most)
            what = Figure("steps", shape.name, f"{name}: training step", None, "ms", note=why)
            yield what if why else steps.whole(subject, beside, records=RECORDS, budget=self.seconds)
        why = self._too_long(plain, 3, most=most)
        trained = (
            Figure("training", shape.name, "plain fine-tuning", None, "tokens/s", note=why)
            if why
            else training.tokens_a_second(plain, records=RECORDS, most=most, budget=self.seconds)
        )
        answered = (
            [Figure("answering", shape.name, "greedy answers", None, "tokens/s", note=why)]
            if why
            else answering.tokens_a_second(plain, prompts=RECORDS, limit=ANSWER, budget=self.seconds)
        )
        yield trained
        yield from answered
        tasks = self.registry.catalog().stream("trace").tasks
        whole = projection.work({name: tasks[name] for name in TRACE})
        yield projection.project(whole, training=trained, answering=answered[0])

    def _take(self, name: str, shape: Shape) -> Subject:
        return take(name, shape, accelerator=self.accelerator, registry=self.registry, settings=self.settings)

    def _too_long(self, subject: Subject, ways: int, *, most: float) -> str:
        """Why steps in so many ways are left out; empty if they are not."""
        tokens = sum(len(one.ids) for batch in subject.steps(RECORDS) for one in batch)
        needed = ways * (FEWEST + 1) * SLOWER * training_flops(subject.model, tokens) / most
        return f"unmeasured: takes about {needed:.0f} s here (--seconds)" if needed > self.seconds else ""


def find_shapes(names: Sequence[str]) -> list[Shape]:
    """By their names; all of them where none is given.

    Raises:
        OptionError: there is no such shape.
    """
    for name in names:
        if name not in SHAPES:
            raise OptionError(f"--shape {name}: there is none; there are {', '.join(SHAPES)}")
    return [SHAPES[name] for name in names or SHAPES]


def make(*, plugins: Sequence[str], shapes: Sequence[str], seconds: float, device: str, registry: Registry) -> Suite:
    """A suite for this machine.

    Args:
        plugins: methods to measure beside plain fine-tuning; the usual ones that are installed where none is given.
        shapes: names of shapes.
        seconds: that a line may take, about.
        device: `auto`, `cpu` or `cuda`.
        registry: of methods.

    Raises:
        ClbenchError: there is no such method, shape or device.
    """
    known = registry.methods.entries
    for name in plugins:
        registry.composition(name)
    methods = {name: METHODS.get(name, PLAIN) for name in plugins} or {
        name: other for name, other in METHODS.items() if {name, other} <= {PLAIN, *known}
    }
    chosen, accelerator = find_shapes(shapes), make_accelerator(device)
    precision = "bf16" if accelerator.device.type == "cuda" else "fp32"
    settings = {"protocol": {"precision": precision}, "runtime": {"device": device, "drift": False}}
    return Suite(accelerator, registry, methods, chosen, seconds, settings)
