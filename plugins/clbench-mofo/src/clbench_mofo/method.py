"""`mofo`: full fine-tuning with a momentum-filtered optimizer, and its ablations as values of `score`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

from pydantic import Field, StringConstraints, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from clbench import Example, Experience, Method, MethodOptions, Run
from clbench.base.errors import OptionError
from clbench_mofo.optimizer import MofoAdamW
from clbench_mofo.slices import Scope
from clbench_mofo.update import Decay, Score, Shares

if TYPE_CHECKING:
    import torch
    from torch.optim import Optimizer

Pattern = Annotated[str, StringConstraints(min_length=1)]


class MofoOptions(MethodOptions):
    """Options of `mofo`. β, ε, weight decay and the learning rate are the protocol's.

    Args:
        fraction: share (0–1] of a tensor's entries that a step updates; 1 is AdamW. The paper: 0.05 on TRACE, 0.10 on
            Code-Alpaca, 0.15 on MetaMathQA.
        score: what entries are ranked by. `momentum` is MoFO; `gradient`, `mv` (momentum over the root of the second
            moment), `random` and `magnitude` (of the weights) are ablations.
        scope: entries that compete: of a `tensor`; of all filtered tensors (`global`); or of a `shard`, as the
            authors' code does on several GPUs.
        shards: GPUs to simulate, with `scope=shard`; the paper trained on 4.
        unfiltered: tensors whose name contains one of these are updated whole.
        decay: whether weight decay shrinks `all` entries, as the authors' code does, or only the `selected`.
        undecayed: tensors whose name contains one of these have no weight decay; the authors' rule is `norm, ln_f`.
    """

    fraction: float = Field(default=0.05, gt=0, le=1, allow_inf_nan=False)
    score: Score = "momentum"
    scope: Scope = "tensor"
    shards: int | None = Field(default=None, ge=1, le=65536, validate_default=True)
    unfiltered: tuple[Pattern, ...] = ("bias", "norm", "ln_")
    decay: Decay = "all"
    undecayed: tuple[Pattern, ...] = ()

    @field_validator("shards")
    @classmethod
    def _shards_belong_to_their_scope(cls, shards: int | None, info: ValidationInfo) -> int | None:
        if (info.data.get("scope") == "shard") != (shards is not None):
            raise PydanticCustomError("shards", "goes with scope=shard and with no other (the paper trained on 4 GPUs)")
        return shards


@final
class Mofo(Method):
    """AdamW whose step moves only the entries with the largest momentum in each tensor.

    What was moved is measured at the steps 1, 2, 4, 8, … of each experience, and stands in the record as their mean.
    """

    Options: ClassVar[type[MethodOptions]] = MofoOptions
    options: MofoOptions

    def __init__(self, options: MofoOptions | None = None) -> None:
        super().__init__(options)
        self._optimizer: MofoAdamW | None = None
        self._generator: torch.Generator | None = None
        self._generator_state: torch.Tensor | None = None
        self._shares = Shares()
        self._steps = 0

    def make_optimizer(self, named_params: Sequence[tuple[str, torch.nn.Parameter]], run: Run) -> Optimizer:
        """The filtered tensors, and those that are updated whole; of each, those without decay are a group apart."""
        options, protocol = self.options, run.protocol
        self._optimizer = MofoAdamW(
            self._groups(named_params, run),
            lr=protocol.learning_rate,
            betas=protocol.betas,
            eps=protocol.eps,
            weight_decay=protocol.weight_decay,
            fraction=options.fraction,
            score=options.score,
            scope=options.scope,
            shards=options.shards or 1,
            decay=options.decay,
            check=False,  # the loop has, before each step
            generator=self._random(run),
        )
        self._optimizer.shares = self._shares  # one count, also when the optimizer is reset at a task boundary
        self._optimizer.measure = True
        return self._optimizer

    def _groups(self, named_params: Sequence[tuple[str, torch.nn.Parameter]], run: Run) -> list[dict[str, Any]]:
        options = self.options
        parted: dict[tuple[bool, bool], list[tuple[str, torch.nn.Parameter]]] = {}
        for name, p in named_params:
            rules = (options.unfiltered, options.undecayed)
            whole, undecayed = (any(part in name for part in rule) for rule in rules)
            parted.setdefault((whole, undecayed), []).append((name, p))
        filtered = [undecayed for whole, undecayed in parted if not whole]
        if not filtered:
            run.warn("mofo: every tensor's name matches mofo.unfiltered, so this is plain AdamW")
        if len(filtered) > 1 and options.scope == "global":
            raise OptionError("mofo: scope=global ranks all filtered tensors together; mofo.undecayed parts them")
        ways = [{"fraction": 1.0} if whole else {} for whole, _ in sorted(parted)]
        decays = [{"weight_decay": 0.0} if undecayed else {} for _, undecayed in sorted(parted)]
        return [
            {"params": parted[key], **way, **decay}
            for key, way, decay in zip(sorted(parted), ways, decays, strict=True)
        ]

    def _random(self, run: Run) -> torch.Generator | None:
        """The generator of random masks: one for the whole run, so that no task sees another's masks again."""
        if self.options.score == "random" and self._generator is None:
            self._generator = run.torch_rng("mofo.random", device=run.device)
            if self._generator_state is not None:
                self._generator.set_state(self._generator_state)
        return self._generator

    def before_experience(self, run: Run, experience: Experience) -> None:
        """Count its steps anew."""
        self._steps = 0
        self._schedule_measurement()

    def after_step(self, run: Run) -> None:
        """Decide whether the next step is measured."""
        self._steps += 1
        self._schedule_measurement()

    def _schedule_measurement(self) -> None:
        assert self._optimizer is not None
        following = self._steps + 1
        self._optimizer.measure = following & (following - 1) == 0

    def after_experience(self, run: Run, experience: Experience, data: Sequence[Example]) -> None:
        """Put into the record how much was really updated."""
        shares = self._shares
        if shares.entries:
            run.note(
                "mofo",
                {
                    "selected_share": shares.selected / shares.entries,
                    "updated_share": shares.updated / shares.entries,
                    "measured_steps": shares.steps,
                },
            )

    def state_dict(self) -> dict[str, Any]:
        """The counts, and the random masks' generator."""
        state: dict[str, Any] = {"steps": self._steps, "shares": asdict(self._shares)}
        generator = None if self._generator is None else self._generator.get_state()
        return state if generator is None else state | {"generator": generator}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up counts and generator, whether the optimizer exists already or not."""
        self._steps = state["steps"]
        for name, value in state["shares"].items():
            setattr(self._shares, name, value)
        self._generator_state = state.get("generator")
        if self._generator is not None and self._generator_state is not None:
            self._generator.set_state(self._generator_state)
        if self._optimizer is not None:
            self._schedule_measurement()
