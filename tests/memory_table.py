"""What runs hold in memory, computed: `python tests/memory_table.py` writes the tables of docs/memory.md.

Models of the shapes of SmolLM2-135M, Llama 3.2 1B and 3B, and Llama 2 7B, without weights.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from clbench.forecast.holding import Parts, holding, parts_of
from clbench.models.memory import costs
from clbench.plugins.registry import registry
from clbench.spec.protocol import Protocol

PAGE = Path(__file__).parent.parent / "docs" / "memory.md"
BEGIN, END = "<!-- written by tests/memory_table.py -->\n", "<!-- end of what is written -->\n"
SHAPES = {  # width, feed-forward width, layers, heads, groups of keys and values, vocabulary
    "0.1 B": (576, 1536, 30, 9, 3, 49152),
    "1 B": (2048, 8192, 16, 32, 8, 128256),
    "3 B": (3072, 8192, 28, 24, 8, 128256),
    "7 B": (4096, 11008, 32, 32, 32, 32000),
}
TIED = ("0.1 B", "1 B", "3 B")
ROWS = (
    ("sequential", "fp32", "fp32"),
    ("sequential", "bf16", "fp32"),
    ("sequential", "bf16", "bf16"),
    ("sequential", "bf16", "8bit"),
    ("lora", "fp32", "fp32"),
    ("lora", "frozen-bf16", "fp32"),
    ("lora", "frozen-int8", "fp32"),
    ("lora", "frozen-nf4", "fp32"),
    ("loramoe", "fp32", "fp32"),
    ("loramoe", "frozen-bf16", "fp32"),
    ("loramoe", "frozen-nf4", "fp32"),
)
WIDTH = 1024  # tokens of a text


def empty(size: str) -> Any:
    """A model without weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    names = ("hidden_size", "intermediate_size", "num_hidden_layers")
    names += ("num_attention_heads", "num_key_value_heads", "vocab_size")
    config = LlamaConfig(**dict(zip(names, SHAPES[size], strict=True)), tie_word_embeddings=size in TIED)
    config._attn_implementation = "sdpa"
    with torch.device("meta"):
        return LlamaForCausalLM(config)


@cache
def parts(size: str, method: str) -> Parts:
    """What a method trains of it."""
    found = parts_of(empty(size), registry().composition(method), {})
    assert found.sure, method
    return found


def table() -> str:
    """Both tables."""
    lines = [f"| method | `weights` | `moments` | {' | '.join(SHAPES)} |", "| --- " * 3 + "| ---: " * len(SHAPES) + "|"]
    for method, weights, moments in ROWS:
        protocol = Protocol(precision="bf16", weights=weights, moments=moments)
        cells = [f"{holding(parts(size, method), protocol).total / 2**30:.1f}" for size in SHAPES]
        lines.append(f"| `{method}` | {weights} | {moments} | {' | '.join(cells)} |")
    lines += ["", f"| a text of {WIDTH:,} tokens | {' | '.join(SHAPES)} |", "| --- " + "| ---: " * len(SHAPES) + "|"]
    for precision, recomputed in product(("fp32", "bf16"), (False, True)):
        how = {"recomputed": recomputed, "half": precision == "bf16"}
        each = [costs(empty(size), width=WIDTH, **how).learned * WIDTH / 2**30 for size in SHAPES]
        name = f"trained in {precision}{', `runtime.gradient_checkpointing=true`' if recomputed else ''}"
        lines.append(f"| {name} | {' | '.join(f'{one:.1f}' for one in each)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page again."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    page = before + BEGIN + "\n" + table() + "\n" + END + rest.partition(END)[2]
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
