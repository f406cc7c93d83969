"""What the model knows: exact match on facts and held-out skills by greedy decoding, loss on held-out text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from clbench.tiny.world import SKILLS, probe_facts, probe_skills, probe_text

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

LONGEST = 40
"""Tokens that an answer may have."""

ROWS = 64
"""Questions decoded at a time."""


def answers(model: LlamaForCausalLM, prompts: list[str], *, tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """What the model says to each prompt, greedily, up to its end token; shorter prompts are padded at the left."""
    order = sorted(range(len(prompts)), key=lambda number: len(prompts[number]))
    said = [""] * len(prompts)
    for start in range(0, len(order), ROWS):
        chosen = order[start : start + ROWS]
        batch = tokenizer(
            [prompts[number] for number in chosen], padding=True, padding_side="left", return_tensors="pt"
        )
        batch = {key: batch[key].to(model.device) for key in ("input_ids", "attention_mask")}
        with torch.inference_mode():
            out = model.generate(**batch, max_new_tokens=LONGEST, do_sample=False)  # pyright: ignore[reportAttributeAccessIssue] - transformers' own protocol
        tails = out[:, batch["input_ids"].shape[1] :]
        for number, text in zip(chosen, tokenizer.batch_decode(tails, skip_special_tokens=True), strict=True):
            said[number] = text
    return said


def exact(model: LlamaForCausalLM, items: list[dict[str, str]], *, tokenizer: PreTrainedTokenizerFast) -> list[bool]:
    """Whether each answer is right to the letter."""
    said = answers(model, [item["prompt"] for item in items], tokenizer=tokenizer)
    return [one == item["answer"] for one, item in zip(said, items, strict=True)]


def text_loss(model: LlamaForCausalLM, *, tokenizer: PreTrainedTokenizerFast, size: int) -> float:
    """Mean negative log-likelihood a token, in nats, over held-out running text."""
    total, count = 0.0, 0
    for one in probe_text(size):
        ids = torch.tensor([[*tokenizer(one.text)["input_ids"], tokenizer.eos_token_id]], device=model.device)
        with torch.inference_mode():
            logits = model(input_ids=ids).logits[0, :-1].float()
        total += float(functional.cross_entropy(logits, ids[0, 1:], reduction="sum"))
        count += ids.shape[1] - 1
    return total / count


def take_quiz(
    model: LlamaForCausalLM, *, tokenizer: PreTrainedTokenizerFast, facts: int | None, skills: int, texts: int
) -> dict[str, float]:
    """Facts, skills and text in one go; the skills also by kind."""
    model.eval()
    known = exact(model, probe_facts(facts), tokenizer=tokenizer)
    done = exact(model, probe_skills(size=skills), tokenizer=tokenizer)
    by_kind = {kind: done[number :: len(SKILLS)] for number, kind in enumerate(SKILLS)}
    result = {
        "facts": sum(known) / len(known),
        "skills": sum(done) / len(done),
        "text_loss": text_loss(model, tokenizer=tokenizer, size=texts),
        **{f"skill/{kind}": sum(right) / len(right) for kind, right in by_kind.items() if right},
    }
    model.train()
    return {key: round(value, 4) for key, value in result.items()}
