"""The bytes that a run holds all the time: weights, gradients, AdamW's moments, by what each is kept in.

Activations come on top, and what a method remembers. What a method trains is found by letting it take over the model
without weights (torch's `meta` device); a method that must see weights for it is taken to train everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clbench.base.errors import ClbenchError, ModelError, OptionError
from clbench.models.loading import load_config

if TYPE_CHECKING:
    import torch

    from clbench.plugins.registry import MethodChoice
    from clbench.runs.runconfig import RunConfig
    from clbench.spec.protocol import Protocol

KEPT = {"fp32": 4.0, "bf16": 2.0, "frozen-bf16": 2.0, "frozen-int8": 2.0, "frozen-nf4": 2.0}
"""Bytes a weight that stays as it is, outside of quantised layers."""
LAYERS = {"frozen-int8": 1.0, "frozen-nf4": 0.5 + 1 / 64 + 4 / (64 * 256)}
"""Bytes a weight of the blocks' linear layers: nf4 has a scale for 64 weights, in a byte, and fp32 for 256 of these."""
MOMENT = {"fp32": 4.0, "bf16": 2.0, "8bit": 1.0 + 4 / 256}
WAYS: tuple[tuple[str, ...], ...] = (
    ("weights=frozen-bf16",),
    ("weights=frozen-nf4",),
    ("weights=bf16",),
    ("weights=bf16", "moments=8bit"),
)
"""What may make a run fit, the least change first."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Parameters of a model that a method has taken over.

    Args:
        trained: with gradients.
        layers: that stay as they are, in the blocks' linear layers.
        others: that stay as they are, elsewhere.
        sure: whether the method could be asked; else `trained` is the most that it can be.
    """

    trained: int
    layers: int
    others: int
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Holding:
    """Bytes.

    Args:
        weights: of the whole model.
        gradients: of what is trained.
        moments: AdamW's two, of what is trained.
    """

    weights: int
    gradients: int
    moments: int

    @property
    def total(self) -> int:
        """All that is held from the first step on."""
        return self.each(1)

    def each(self, share: int) -> int:
        """What each of so many processes holds at most that share parameters: whole weights, in evaluations."""
        return self.weights + (self.gradients + self.moments) // share


def holding(parts: Parts, protocol: Protocol) -> Holding:
    """Of a model under a protocol's `weights` and `moments`."""
    kept = protocol.weights
    learned = 2.0 if kept == "bf16" else 4.0
    still = parts.others * KEPT[kept] + parts.layers * LAYERS.get(kept, KEPT[kept])
    return Holding(
        weights=int(parts.trained * learned + still),
        gradients=int(parts.trained * learned),
        moments=int(2 * parts.trained * MOMENT[protocol.moments]),
    )


def empty_model(config: RunConfig) -> Any:
    """The base model's architecture, without weights.

    Raises:
        ModelError: it is no causal language model.
    """
    import torch
    from transformers import AutoModelForCausalLM

    settings = load_config(config.model)
    try:
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(settings, trust_remote_code=config.model.trust_remote_code)
    except Exception as error:
        raise ModelError(f"model {config.model.name!r}: is no causal LM ({str(error)[:200]})") from error


def parts_of(model: Any, choice: MethodChoice, options: Mapping[str, Mapping[str, Any]]) -> Parts:
    """What a method would train of a model, which is changed.

    Args:
        model: of `empty_model`.
        choice: the method.
        options: for it, by member name.
    """
    from clbench.models.layers import linear_layers

    inner = {id(p) for layer in linear_layers(model).values() for p in layer.parameters()}
    base, sure = list(model.parameters()), True
    params = base
    if choice.regime == "frozen":
        for p in base:
            p.requires_grad_(requires_grad=False)
    else:
        try:
            params = list(choice.create(options).prepare_model(model).parameters())
        except Exception:  # a method may need weights, for singular vectors or a trial pass
            sure = False
    still = [p for p in params if not p.requires_grad]
    return Parts(
        trained=_count(p for p in (params if sure else base) if p.requires_grad),
        layers=_count(p for p in still if id(p) in inner),
        others=_count(p for p in still if id(p) not in inner),
        sure=sure,
    )


def _count(params: Any) -> int:
    return sum(p.numel() for p in params)


def refuse_what_cannot_fit(config: RunConfig, device: torch.device, *, share: int = 1) -> None:
    """Before weights are read: a run whose weights, gradients and moments alone are more than the device has.

    Args:
        config: of the run.
        device: of this process.
        share: processes that share gradients and moments.

    Raises:
        OptionError: with what would make it fit.
    """
    from clbench.models.memory import whole

    protocol, has = config.plan.protocol, whole(device)
    try:
        model = empty_model(config)
    except ClbenchError:  # a plugin's own model, which says itself what is wrong
        return
    if holding(Parts(_count(model.parameters()), 0, 0), protocol).each(share) <= has:
        return  # whatever the method trains; it is not asked
    parts = parts_of(model, config.choice, config.options)
    if not parts.sure:
        return
    needs = holding(parts, protocol).each(share)
    if needs > has:
        raise OptionError(
            f"{config.choice.name} on {config.model.name} holds {_gib(needs)} of weights, gradients and moments, and "
            f"{device.type} has {_gib(has)}; {_way_out(config, parts, has)}"
        )


def _way_out(config: RunConfig, parts: Parts, has: int) -> str:
    from clbench.methods.weights import check_weights

    specs = [entry.spec for entry in config.choice.entries]
    for way in WAYS:
        changes = {"precision": "bf16", **dict(one.split("=") for one in way)}
        protocol = config.plan.protocol.model_copy(update=changes)
        try:
            check_weights(specs, protocol, regime=config.choice.regime)
        except ClbenchError:
            continue
        if (needs := holding(parts, protocol).total) <= has:
            switches = " ".join(f"--set protocol.{one}" for one in ("precision=bf16", *way))
            return f"{switches} makes it {_gib(needs)} (another board)"
    return "no setting makes it fit: take an adapter method (lora), a smaller model or a larger device"


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
