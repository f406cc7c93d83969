"""The Triton pass of one optimizer: a step is staged by the host, which waits for nothing, and launched.

`stage` writes tables (addresses, learning rate, bias corrections). `Staged.look` and `Staged.launch` are kernels alone:
they allocate nothing and ask the device nothing, so a graph can hold them, to be replayed after each `stage`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch
import triton.language as tl
from torch import Tensor

from clbench_mofo import kernels
from clbench_mofo.layout import Layout, lay_out, upload
from clbench_mofo.slices import Counted, partition
from clbench_mofo.trial import TRIED, by_torch, changed, tried

SPAN, BLOCK = 1 << 15, 1 << 11
"""Entries of a program, and of one of its turns."""
DIGITS = ((20, 11), (9, 11), (0, 9))
"""What magnitudes are selected by: the first bit, and how many."""
SCORES = {"momentum": 0, "gradient": 1, "mv": 2, "random": 3, "magnitude": 4}
DECAYS = {"all": 1, "selected": 2}
KINDS = {torch.float32: tl.float32, torch.bfloat16: tl.bfloat16, torch.float16: tl.float16}


@dataclass(frozen=True, slots=True)
class Rounding:
    """How torch's build computes `lerp`, `addcmul` and `addcdiv`: constants of `kernels`."""

    first: int = 1
    second: int = 2
    moved: int = 0


class Staged:
    """Tensors of one group and one pair of dtypes, and the launches that make their step."""

    def __init__(self, layout: Layout, *, kinds: tuple[Any, Any], rounding: Rounding, broken: Tensor) -> None:
        self.layout = layout
        self.names: list[str] = []
        self._weights, self._gradients = kinds
        self._rounding, self._broken = rounding, broken
        self._group: dict[str, Any] = {}
        self._betas: tuple[float, ...] = ()
        self._held: list[Sequence[Tensor | None]] = []  # until the kernels have been launched
        self._turns = {"SPAN": SPAN, "BLOCK": BLOCK}

    def stage(self, counted: Sequence[Counted], group: Mapping[str, Any], generator: torch.Generator | None) -> None:
        """Write the tables of one step."""
        self.names, self._group, self._betas = [one.name for one in counted], dict(group), _betas(group["betas"])
        draws = group["score"] == "random" and group["fraction"] != 1
        like = {"generator": generator, "device": self._broken.device}
        scores = [torch.rand(one.param.numel(), **like) if draws else None for one in counted]
        self._held = [
            (one.param, one.grad, one.exp_avg, one.exp_avg_sq, score)
            for one, score in zip(counted, scores, strict=True)
        ]
        addresses = [[0 if one is None else one.data_ptr() for one in tensors] for tensors in self._held]
        sizes = [0 if one is None else one.element_size() for one in self._held[0]]
        self.layout.place(np.array(addresses, np.int64), sizes)
        decay = 1 - group["lr"] * group["weight_decay"]
        numbers = np.array([(decay, one.root, group["eps"], -one.step_size) for one in counted], np.float32)
        upload(self.layout.numbers, numbers[[part.tensor for part in self.layout.parts]])

    def look(self) -> None:
        """Mark what is not finite; `broken` then stops all later launches."""
        layout = self.layout
        tables = (layout.rows, layout.blocks, self._broken, layout.marks)
        run(kernels.look, len(layout.blocks), *tables, GRADIENTS=self._gradients, **self._turns)

    def launch(self) -> None:
        """Moments, selection and update."""
        layout, group, rounding = self.layout, self._group, self._rounding
        filtered, programs = group["fraction"] != 1, len(layout.blocks)
        tables = (layout.rows, layout.blocks, layout.numbers, layout.state, layout.places, layout.bits, self._broken)
        kinds = {"WEIGHTS": self._weights, "GRADIENTS": self._gradients, "SCORE": SCORES[group["score"]]}
        ways = {"FIRST": rounding.first, "SECOND": rounding.second, "HALF": self._betas[0] >= 0.5}
        ways |= {"MOVED": rounding.moved, "ALIGNED": layout.aligned, "FILTERED": filtered}
        run(kernels.moments, programs, *tables, *self._betas, **kinds, **ways, **self._turns)
        if filtered:
            select(layout, **kinds, **self._turns)
            decayed = DECAYS[group["decay"]] if group["weight_decay"] else 0
            run(kernels.move, programs, *tables, **kinds, DECAYED=decayed, MOVED=rounding.moved, **self._turns)

    def marked(self) -> list[str]:
        """The tensors that `look` has marked; the marks are taken away."""
        marks = self.layout.marks.tolist()
        self.layout.marks.zero_()
        found = (part.tensor for part, one in zip(self.layout.parts, marks, strict=True) if one)
        return [self.names[number] for number in dict.fromkeys(found)]


def select(layout: Layout, **constants: Any) -> None:
    """The threshold of each population, digit by digit."""
    tables = (layout.rows, layout.blocks, layout.numbers, layout.state, layout.bits, layout.table)
    for number, (low, bits) in enumerate(DIGITS):
        run(kernels.digits, len(layout.blocks), *tables, LOW=low, BITS=bits, **constants)
        ends = {"BEGINS": number == 0, "ENDS": number == len(DIGITS) - 1}
        run(kernels.pick, len(layout.state), layout.state, layout.table, BITS=bits, **ends)


def run(kernel: Any, programs: int, *arguments: Any, **constants: Any) -> None:
    """Launch so many programs; what is rounded together is for the kernels to say, and not for the compiler."""
    kernel[(programs,)](*arguments, **constants, enable_fp_fusion=False)


class DevicePass:
    """What an optimizer keeps on one device: the tables of its groups, and whether a gradient was broken.

    Args:
        device: of all tensors.
        rounding: of torch's build there.
    """

    def __init__(self, device: torch.device, *, rounding: Rounding) -> None:
        self._broken = torch.zeros(1, dtype=torch.int32, device=device)
        self._heard = torch.zeros(1, dtype=torch.int32, pin_memory=device.type == "cuda")
        self._event = torch.cuda.Event() if device.type == "cuda" else None
        self._watched: Sequence[Staged] = ()
        self._rounding = rounding
        self._known: dict[Any, tuple[Any, Staged]] = {}

    def stage(
        self, counted: Sequence[Counted], group: Mapping[str, Any], *, number: int, generator: torch.Generator | None
    ) -> list[Staged]:
        """Stage the step of a group's tensors; the group's `number` says whose tables to take, while shapes stay."""
        kinds: dict[tuple[torch.dtype, torch.dtype], list[Counted]] = {}
        for one in counted:
            kinds.setdefault((one.param.dtype, one.grad.dtype), []).append(one)
        staged = [self._ready((number, kind), some, group) for kind, some in kinds.items()]
        for ready, some in zip(staged, kinds.values(), strict=True):
            ready.stage(some, group, generator)
        return staged

    def _ready(self, place: Any, counted: Sequence[Counted], group: Mapping[str, Any]) -> Staged:
        options = {name: group[name] for name in ("fraction", "scope", "shards")}
        shapes = tuple(one.param.numel() for one in counted), *options.values()
        known, staged = self._known.get(place, (None, None))
        if staged is None or known != shapes:
            options["scope"] = "tensor" if options["fraction"] == 1 else options["scope"]
            layout = lay_out(partition(shapes[0], **options), span=SPAN, device=self._broken.device)
            kinds = KINDS[place[1][0]], KINDS[place[1][1]]
            staged = Staged(layout, kinds=kinds, rounding=self._rounding, broken=self._broken)
            self._known[place] = shapes, staged
        return staged

    def launch(self, launches: Sequence[Staged], *, check: bool) -> None:
        """Make a step: with `check`, no tensor moves unless all gradients are finite, which `broken` tells later."""
        with torch.cuda.device(self._broken.device) if self._event else nullcontext():  # Triton launches where torch is
            if check:
                self._look(launches)
            for staged in launches:
                staged.launch()

    def _look(self, launches: Sequence[Staged]) -> None:
        for staged in launches:
            staged.look()
        self._heard.copy_(self._broken, non_blocking=True)
        if self._event:
            self._event.record()
        self._watched = launches

    def broken(self) -> list[str]:
        """The tensors whose gradient was not finite when it was last looked at; then the next step is as if it was not.

        It waits for that look, which was queued before all that the host has asked for since.
        """
        watched, self._watched = self._watched, ()
        if self._event and watched:
            self._event.synchronize()
        if not watched or not self._heard.numpy()[0]:  # the host's own memory: nothing is asked for
            return []
        names = [name for staged in watched for name in staged.marked()]
        self._broken.zero_()
        return names


def _betas(betas: tuple[float, float]) -> tuple[float, ...]:
    """1 - β1, that less 1, β2 and 1 - β2, as fp32 has them."""
    first = np.float32(1 - betas[0])
    return float(first), float(first - np.float32(1)), betas[1], 1 - betas[1]


@cache
def fits(device: torch.device) -> Rounding | None:
    """How torch's build rounds on a device; None where its bits are met in no known way."""
    wanted = by_torch(device)
    rounding = Rounding()
    for name, choices, places in (("first", 2, (1,)), ("second", 4, (2,)), ("moved", 3, (0, 1, 2))):
        for number in range(choices):
            choice = replace(rounding, **{name: number})
            found = _by_kernels(device, choice)
            if all(torch.equal(found[place], wanted[place]) for place in places):
                rounding = choice
                break
        else:
            return None
    return rounding


def _by_kernels(device: torch.device, rounding: Rounding) -> tuple[Tensor, ...]:
    one, own = tried(device), DevicePass(device, rounding=rounding)
    own.launch(own.stage([one], TRIED, number=0, generator=None), check=False)
    return changed(one)
