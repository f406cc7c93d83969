"""`peft`, `lora` and `dora`: adapters that are injected once and trained through all tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from clbench import Footprint, Method, MethodOptions, Run
from clbench.base.errors import OptionError
from clbench_peft.inject import inject, make_config

if TYPE_CHECKING:
    import torch
    from peft import PeftConfig
    from torch.optim import Optimizer
    from transformers import PreTrainedModel


class PeftOptions(MethodOptions):
    """Options of `peft`.

    Args:
        tuner: a PEFT type: LORA, IA3, OFT, LOHA, …
        config: keys of that tuner's configuration class (`LoraConfig`, …); what is missing has peft's default.
    """

    tuner: str = Field(default="LORA", min_length=1)
    config: dict[str, Any] = Field(default_factory=dict, validate_default=True)

    @field_validator("tuner")
    @classmethod
    def _known(cls, tuner: str) -> str:
        _checked(tuner.upper(), {}, only="tuner")
        return tuner.upper()

    @field_validator("config")
    @classmethod
    def _fits_its_tuner(cls, config: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "tuner" in info.data:
            _checked(info.data["tuner"], config)
        return config


def _checked(tuner: str, config: dict[str, Any], *, only: str = "") -> None:
    try:
        make_config(tuner, config)
    except ValueError as error:
        if not only or not str(error).startswith("config"):
            raise PydanticCustomError("peft", "{reason}", {"reason": str(error)}) from error


class LoraOptions(MethodOptions):
    """Options of `lora`, `dora` and `olora`; TRACE's settings, which go with the learning rate 1e-4.

    Args:
        rank: r of the update (α/r)·BA.
        alpha: α.
        dropout: of the adapter's input, 0–1.
        targets: names of the layers, or `all-linear`: every linear layer but the head.
    """

    rank: int = Field(default=8, ge=1)
    alpha: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1, allow_inf_nan=False)
    targets: Literal["all-linear"] | tuple[str, ...] = ("q_proj", "v_proj")


class Adapter(Method):
    """A tuner's layers in the place of the model's own; only what was added is trained."""

    label: ClassVar[str]

    def __init__(self, options: MethodOptions | None = None) -> None:
        super().__init__(options)
        self._warnings: list[str] = []
        self._added = 0

    def config(self) -> PeftConfig:
        """The tuner's configuration."""
        raise NotImplementedError

    def prepare_model(self, model: PreTrainedModel) -> PreTrainedModel:
        """Inject.

        Raises:
            OptionError: the configuration does not fit the model.
        """
        before = _size(model)
        try:
            self._warnings = inject(model, self.config())
        except ValueError as error:
            raise OptionError(f"-o {self.label}: {error}") from error
        self._added = _size(model) - before
        return model

    def make_optimizer(self, named_params: Sequence[tuple[str, torch.nn.Parameter]], run: Run) -> Optimizer | None:
        """The protocol's; peft's warnings can be counted now."""
        for warning in self._warnings:
            run.warn(f"{self.label}: {warning}")
        self._warnings = []
        return None

    def footprint(self) -> Footprint:
        """The parameters that were added."""
        return Footprint(extra_parameters=self._added)


def _size(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@final
class Peft(Adapter):
    """Any tuner that can be injected."""

    Options: ClassVar[type[MethodOptions]] = PeftOptions
    options: PeftOptions
    label = "peft"

    def config(self) -> PeftConfig:
        """As the options say."""
        return make_config(self.options.tuner, self.options.config)

    def prepare_model(self, model: PreTrainedModel) -> PreTrainedModel:
        """Inject, and say where peft leaves something to its caller that is not done here."""
        model = super().prepare_model(model)
        if self.options.tuner == "ADALORA":
            self._warnings.append("ADALORA trains at its initial rank: ranks are not re-allocated")
        if self.options.tuner == "OSF":
            self._warnings.append(
                "OSF's subspaces are those of the base model for all tasks; the method osf renews them"
            )
        return model


class Lora(Adapter):
    """W + (α/r)·BA with W frozen."""

    Options: ClassVar[type[MethodOptions]] = LoraOptions
    label = "lora"
    use_dora: ClassVar[bool] = False

    def config(self) -> PeftConfig:
        """A LoraConfig."""
        options = self.options
        assert isinstance(options, LoraOptions)
        targets = options.targets if isinstance(options.targets, str) else list(options.targets)
        return make_config(
            "LORA",
            {
                "r": options.rank,
                "lora_alpha": options.alpha,
                "lora_dropout": options.dropout,
                "target_modules": targets,
                "use_dora": self.use_dora,
            },
        )


@final
class Dora(Lora):
    """m · (W + (α/r)·BA) / ‖W + (α/r)·BA‖ by output unit, with W frozen."""

    label = "dora"
    use_dora = True
