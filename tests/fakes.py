"""Tensors without content: what a pass would hold in memory, counted on any machine in seconds."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import LlamaConfig, LlamaForCausalLM

from clbench.data.batches import collate
from clbench.data.tokenising import Encoded
from clbench.training import head
from clbench.training.losses import forward

BLOCK = 512  # bytes that CUDA's allocator rounds up to
TINYLLAMA = {"hidden_size": 2048, "intermediate_size": 5632, "num_attention_heads": 32, "num_key_value_heads": 4}


class Held(TorchDispatchMode):
    """Bytes of all tensors that live, now and at most."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self._sizes: dict[int, tuple[int, Any]] = {}

    def see(self, tensor: torch.Tensor) -> None:
        """Count a tensor's storage until it is gone."""
        storage = tensor.untyped_storage()
        key = id(storage)
        if key in self._sizes:
            return
        size = -(-storage.nbytes() // BLOCK) * BLOCK
        self._sizes[key] = size, weakref.ref(storage, lambda _: self._gone(key))
        self.now += size
        self.most = max(self.most, self.now)

    def _gone(self, key: int) -> None:
        self.now -= self._sizes.pop(key)[0]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        for one in tree_leaves(found):
            if isinstance(one, torch.Tensor):
                self.see(one)
        return found


@contextlib.contextmanager
def llama(prepare: Callable[[Any], Any], *, dtype: torch.dtype, layers: int, **shape: int) -> Iterator[Any]:
    """A Llama whose tensors have no content; it stays one within.

    Args:
        prepare: what a method makes of the model.
        dtype: of its weights.
        layers: blocks.
        shape: keys of its configuration.
    """
    with torch.device("meta"):
        model = prepare(LlamaForCausalLM(LlamaConfig(num_hidden_layers=layers, **shape, dtype=dtype)).to(dtype))
    with FakeTensorMode(allow_non_fake_inputs=True):
        for module in model.modules():
            for name, one in module.named_parameters(recurse=False):
                made = torch.nn.Parameter(torch.empty_like(one, device="cpu"), requires_grad=one.requires_grad)
                module.register_parameter(name, made)
            for name, one in module.named_buffers(recurse=False):
                module.register_buffer(name, torch.empty_like(one, device="cpu"), persistent=False)
        head._APART[head.bare(model)] = True  # to find it out reads numbers
        yield model.train()


def batch(*, rows: int, width: int, answer: int) -> dict[str, torch.Tensor]:
    """Texts of one length, with content; made outside of `llama`."""
    return collate([Encoded((0,) * width, answer)] * rows, pad=0)


def step(model: Any, texts: dict[str, torch.Tensor], *, half: bool) -> Held:
    """Forward and backward pass of a batch: bytes that live, with the model's own.

    Args:
        model: of `llama`, within.
        texts: of `batch`.
        half: bf16 arithmetic.
    """
    held = Held()
    for one in (*model.parameters(), *model.buffers()):
        held.see(one)
    with held, torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        forward(model, texts).loss(texts["targets"]).backward()
    return held
