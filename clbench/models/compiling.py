"""`runtime.compile`: a model's blocks compiled by `torch.compile` for the passes that make a gradient.

Block by block, as all of a model are alike and share one graph, and what methods do around them (hooks at the embedding
and the head, wrapped models) stays as it is. Evaluation and what a method writes go uncompiled: a token at a time, with
a cache that grows, each length would be another graph.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clbench.base.errors import RunError, first_line
from clbench.models.layers import blocks

if TYPE_CHECKING:
    import torch

FLAG = "runtime.compile"


@dataclass(slots=True)
class Compiled:
    """The blocks of a model, which are compiled at their first pass.

    Args:
        model: whose blocks; it may be wrapped.
    """

    model: torch.nn.Module
    forwards: dict[torch.nn.Module, Any] = field(init=False)

    def __post_init__(self) -> None:
        """Nothing is compiled yet, and nothing of the model changed.

        Raises:
            RunError: the model has no blocks.
        """
        import torch

        found = [block for _, block in blocks(self.model)]
        if not found:
            raise RunError(f"{FLAG}: the model has no list of blocks that could be compiled; leave it out")
        self.forwards = {block: torch.compile(block.forward, dynamic=True) for block in found}

    @contextlib.contextmanager
    def passing(self) -> Iterator[None]:
        """Within, blocks are the compiled ones.

        Raises:
            RunError: torch cannot compile them here.
        """
        import torch._dynamo.exc
        import torch._inductor.exc

        kept = {block: block.__dict__.get("forward") for block in self.forwards}
        try:
            for block, forward in self.forwards.items():
                block.forward = forward
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=r"The \.grad attribute")  # of what torch looks at to compile
                yield
        except (torch._dynamo.exc.BackendCompilerFailed, torch._inductor.exc.InductorError) as error:
            said = getattr(error, "inner_exception", error)
            raise RunError(
                f"{FLAG}: torch cannot compile the model's blocks here ({first_line(said)}); leave it out"
            ) from error
        finally:
            for block, own in kept.items():
                if own is None:
                    del block.forward
                else:
                    block.forward = own
