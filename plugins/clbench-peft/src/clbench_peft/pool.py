"""L2P's pool of soft prompts: which of them a query gets, and what draws their keys to it (arXiv 2112.08654).

γ(q, k) = 1 − cos(q, k)
K_x = argmin over N keys of Σ γ(q(x), k_i)              equation 3: the N nearest keys
K_x = argmin over N keys of Σ γ(q(x), k_i)·h_i          equation 4: h_i, how often past tasks have chosen key i
L + λ Σ_{K_x} γ(q(x), k_i)                              equation 5
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)


class PromptPool(torch.nn.Module):
    """M soft prompts with their keys.

    Args:
        keys: (M, query width).
        values: (M, tokens of a prompt, embedding width).
    """

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        super().__init__()
        self.keys, self.values = torch.nn.Parameter(keys), torch.nn.Parameter(values)

    def chosen(self, places: torch.Tensor) -> torch.Tensor:
        """The prompts at some places (rows, N), one behind the other: (rows, N · tokens of a prompt, width)."""
        return self.values[places].flatten(1, 2)


def distances(queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """γ of each query and key: (rows, M), 0–2."""
    return 1 - F.normalize(queries.float(), dim=-1) @ F.normalize(keys.float(), dim=-1).mT


def choose(apart: torch.Tensor, number: int, *, frequency: torch.Tensor | None = None) -> torch.Tensor:
    """Places of the N keys of each row, the nearest first: (rows, N).

    Args:
        apart: γ (rows, M).
        number: N.
        frequency: h (M), by which distances are multiplied; None: not at all.
    """
    weighed = apart if frequency is None else apart * frequency
    return weighed.topk(number, dim=-1, largest=False).indices


def pull(apart: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Σ_{K_x} γ as a mean over rows."""
    return apart.gather(1, places).sum(1).mean()
