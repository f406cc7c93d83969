"""The model card: a pure function of what a run was and what came out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clbench.tiny import world
from clbench.tiny.pretrain.vocabulary import VOCABULARY

if TYPE_CHECKING:
    from clbench.tiny.pretrain.plan import Plan
    from clbench.tiny.pretrain.states import State


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the card states.

    Args:
        plan: The run's settings.
        state: Where it ended.
        knows: What the quiz found, on all facts, 1,000 held-out skill items and 200 held-out texts.
        parameters: How many, embeddings counted once.
        weights_hash: sha256 of `model.safetensors`.
        tokenizer_hash: sha256 of `tokenizer.json`.
        device: `cpu` or `cuda`.
    """

    plan: Plan
    state: State
    knows: dict[str, float]
    parameters: int
    weights_hash: str
    tokenizer_hash: str
    device: str


TEMPLATE = """\
# clbench/tiny

A Llama-type causal language model of {parameters:,} parameters, pre-trained by this repository on text that this
repository generates (`clbench/tiny/world`): an invented world of {entities} entities and {facts} facts, in English,
German and Chinese, and small skills (arithmetic, copying, multiple choice, judging of opinions, summaries, code).

It exists so that forgetting of pre-training can be seen and measured on two cores without a network. It is good for
nothing else: it knows no real facts, it speaks no language beyond its templates, and no result on it says how a large
model behaves.

| | |
| --- | --- |
| facts of the world, closed book, exact match, all {facts} | {known:.3f} |
| held-out skill items, exact match, 1,000 | {skills:.3f} |
| held-out running text, loss in nats a token | {text_loss:.3f} |
| shape | {layers} layers, width {hidden}, {heads} heads, feed-forward {inner}, vocabulary {vocabulary} (tied) |
| trained on | {tokens:,} tokens: {steps} steps of {rows} packed rows of {length} |
| optimizers | Muon in the blocks, rate {matrix_rate}, decay {weight_decay}; AdamW elsewhere, rate {learning_rate} |
| schedule | {warmup} steps of warm-up, then a cosine to {final_share:.0%} |
| weights in the loss | answers 1, prompts {prompt_weight}, running text {text_weight} |
| machine time | {minutes:.0f} minutes on {device}, {threads} threads, precision {precision}{compiled} |
| world version | {version} |
| sha256 of model.safetensors | `{weights_hash}` |
| sha256 of tokenizer.json | `{tokenizer_hash}` |
| chained sha256 of the training tokens | `{data_hash}` |

## Held-out skills by kind

Items of the trained kinds whose content was never in pre-training.

| kind | exact match |
| --- | --- |
{by_kind}

## Made by

```
python -m clbench.tiny.pretrain tokenizer --out clbench/tiny
python -m clbench.tiny.pretrain model --work WORK --out clbench/tiny{options}
```

The same command gives the same weights bit for bit on the same kind of CPU with the same version of torch; elsewhere
the last bits differ. An interrupted run continues as if it had not been. The loss curve and what was known on the way
are in `pretraining.jsonl`. The tokenizer's merges were counted on the world's text and on the records of `mini` as they
were then; it is shipped as a file, and the hash above says which.

Only `safetensors` and JSON are needed to load it: `AutoModelForCausalLM.from_pretrained("clbench/tiny")`.
"""


def card(facts: Facts) -> str:
    """The card's Markdown."""
    by_kind = [(key.removeprefix("skill/"), value) for key, value in facts.knows.items() if key.startswith("skill/")]
    options = facts.plan.as_command()
    return TEMPLATE.format(
        **facts.plan.as_dict() | {"options": f" {options}" if options else ""},
        parameters=facts.parameters,
        entities=len(world.all_entities()),
        facts=len(world.all_facts()),
        known=facts.knows["facts"],
        skills=facts.knows["skills"],
        text_loss=facts.knows["text_loss"],
        vocabulary=VOCABULARY,
        tokens=facts.state.tokens,
        minutes=facts.state.seconds / 60,
        device=facts.device,
        compiled=", compiled" if facts.plan.compile else "",
        version=world.VERSION,
        weights_hash=facts.weights_hash,
        tokenizer_hash=facts.tokenizer_hash,
        data_hash=facts.state.data_hash,
        by_kind="\n".join(f"| {kind} | {value:.3f} |" for kind, value in by_kind),
    )
