"""`peft`, `lora` and `dora`: adapters that are injected once and trained through all tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from clbench import Footprint, Method, MethodOptions, Run
from clbench.base.errors import OptionError
from clbench.models.layers import within_blocks
from clbench_peft.inject import adapted_layers, has_conv1d, inject, make_config
from clbench_peft.targets import Targets, all_linear, for_model, hint, own_targets

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
        targets: names of the layers, or `all-linear`: every linear layer but the head. Where they are not set, and not
            in every block of the model, peft's own for the architecture, or all linear layers of its blocks.
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
        self._adapted: dict[str, Any] = {}
        self._added = 0

    def targets(self, model: PreTrainedModel) -> Targets:
        """Which layers get an adapter."""
        raise NotImplementedError

    def config(self, model: PreTrainedModel, targets: Targets) -> PeftConfig:
        """The tuner's configuration for this model."""
        raise NotImplementedError

    def prepare_model(self, model: PreTrainedModel) -> PreTrainedModel:
        """Inject.

        Raises:
            OptionError: the configuration does not fit the model.
        """
        before, instead = _size(model), hint(model)
        try:
            targets = self.targets(model)
            self._warnings = inject(model, self.config(model, targets))
        except ValueError as error:
            raise OptionError(f"-o {self.label}: {error}{instead}") from error
        self._added = _size(model) - before
        layers = adapted_layers(model)
        self._adapted = {"layers": len(layers), "targets": within_blocks(model, layers)}
        if targets.chosen:
            names = ", ".join(self._adapted["targets"])
            self._warnings.append(f"targets were chosen for this model: {names} ({targets.chosen})")
        return model

    def make_optimizer(self, named_params: Sequence[tuple[str, torch.nn.Parameter]], run: Run) -> Optimizer | None:
        """The protocol's; what was adapted can be recorded now, and peft's warnings counted."""
        run.note(self.label, self._adapted)
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

    def targets(self, model: PreTrainedModel) -> Targets:
        """As the configuration says, or as peft knows the architecture, or all linear layers of the blocks."""
        if {"target_modules", "target_parameters"}.intersection(self.options.config):
            return Targets(None)
        own = own_targets(model, tuner=self.options.tuner)
        if own is None and self.options.tuner == "LN_TUNING":
            raise ValueError("peft knows no norms of this architecture: name them in config as target_modules")
        return all_linear(model) if own is None else Targets(own)

    def config(self, model: PreTrainedModel, targets: Targets) -> PeftConfig:
        """As the options say."""
        chosen = {} if targets.modules is None else {"target_modules": targets.modules}
        return make_config(self.options.tuner, {**chosen, **self.options.config})

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

    def targets(self, model: PreTrainedModel) -> Targets:
        """As the options say; what was not set comes from the model."""
        options = self.options
        assert isinstance(options, LoraOptions)
        if isinstance(options.targets, str):
            return Targets(options.targets)
        if "targets" in options.model_fields_set:
            return Targets(list(options.targets))
        return for_model(model, options.targets, tuner="LORA")

    def config(self, model: PreTrainedModel, targets: Targets) -> PeftConfig:
        """A LoraConfig."""
        options = self.options
        assert isinstance(options, LoraOptions)
        return make_config(
            "LORA",
            {
                "r": options.rank,
                "lora_alpha": options.alpha,
                "lora_dropout": options.dropout,
                "target_modules": targets.modules,
                "use_dora": self.use_dora,
                "fan_in_fan_out": has_conv1d(model),
            },
        )


@final
class Dora(Lora):
    """m · (W + (α/r)·BA) / ‖W + (α/r)·BA‖ by output unit, with W frozen."""

    label = "dora"
    use_dora = True
