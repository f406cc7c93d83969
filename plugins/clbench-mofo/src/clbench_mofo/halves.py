"""Which tensors half fine-tuning freezes: parameter names and a generator in, frozen names out.

Hui et al., HFT: Half Fine-Tuning for Large Language Models (arXiv:2404.18466), selection by category. In every layer

    attention       2 of {q, k, v, o}
    feed-forward    2 of {gate, up, down} in a random half of the layers, 1 of them in the other half
    norms           half of the layer's (1 of Llama's 2)

are frozen; embeddings, lm_head, the final norm, and norms inside attention (Qwen 3's q_norm, k_norm), which the paper
does not name, always train. A module's bias is frozen with its weight.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from clbench.base.errors import OptionError

_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
_FEED_FORWARD = ("gate_proj", "up_proj", "down_proj")
_ALWAYS = re.compile(r"(.*\.)?(embed_tokens|lm_head|norm|self_attn\.[qk]_norm)\.(weight|bias)")
_IN_LAYER = re.compile(
    r"(?P<module>(.*\.)?layers\.(?P<layer>\d+)\.(\w+\.)?(?P<leaf>\w+_proj|\w+layernorm))\.(weight|bias)"
)


@dataclass(slots=True)
class Layer:
    """The modules of one layer, in the model's order, by category."""

    attention: list[str] = field(default_factory=list)
    feed_forward: list[str] = field(default_factory=list)
    norms: list[str] = field(default_factory=list)


def frozen_half(names: Iterable[str], rng: random.Random) -> set[str]:
    """The names of the parameters to freeze.

    Args:
        names: of all trainable parameters, as `named_parameters` gives them.
        rng: what is drawn depends on it and on the names alone.

    Raises:
        OptionError: the model does not name its tensors as Llama's descendants do.
    """
    names = list(names)
    layers = _layers(names)
    more = set(rng.sample(sorted(layers), len(layers) // 2))  # with an odd number of layers, the smaller half
    modules: set[str] = set()
    for number in sorted(layers):
        layer = layers[number]
        modules.update(rng.sample(layer.attention, 2))
        modules.update(rng.sample(layer.feed_forward, 2 if number in more else 1))
        modules.update(rng.sample(layer.norms, len(layer.norms) // 2))
    return {name for name in names if name.rpartition(".")[0] in modules}


def _layers(names: Iterable[str]) -> dict[int, Layer]:
    """The layers' modules; every name is in one of the categories or always trains."""
    layers: dict[int, Layer] = defaultdict(Layer)
    for name in names:
        if _ALWAYS.fullmatch(name):
            continue
        found = _IN_LAYER.fullmatch(name)
        kind = _category(found["leaf"]) if found else ""
        if not found or not kind:
            raise OptionError(f"hft: {name!r} is none of the tensors that half fine-tuning knows: {_KNOWN}")
        modules: list[str] = getattr(layers[int(found["layer"])], kind)
        if found["module"] not in modules:
            modules.append(found["module"])
    for number, layer in layers.items():
        if (len(layer.attention), len(layer.feed_forward)) != (4, 3):
            raise OptionError(f"hft: layer {number} lacks some of the tensors that half fine-tuning needs: {_KNOWN}")
    if not layers:
        raise OptionError(f"hft: the model has no layers that half fine-tuning knows: {_KNOWN}")
    return layers


_KNOWN = f"{', '.join((*_ATTENTION, *_FEED_FORWARD))} and *layernorm in layers.N, all trainable (Llama, Mistral, Qwen)"


def _category(leaf: str) -> str:
    if leaf in _ATTENTION:
        return "attention"
    if leaf in _FEED_FORWARD:
        return "feed_forward"
    return "norms" if leaf.endswith("layernorm") else ""
