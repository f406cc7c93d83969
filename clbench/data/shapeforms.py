"""The usual columns (`shapes`) as templates: for the Hub, and for files that call them otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clbench.data.shapes import ALPACA, ALPACA_PAIRED

_TURN = "{{% for turn in {0}[:-1] %}}{1}:\n{2}\n\n{{% endfor %}}Assistant:\n"
_ROLES = "{'human': 'User', 'user': 'User', 'gpt': 'Assistant', 'assistant': 'Assistant', 'system': 'System'}"


def form_of(record: Mapping[str, Any], *, called: Mapping[str, str] | None = None) -> dict[str, str] | None:
    """Prompt and answer of records like this one, in the words in which a file of them is read.

    Args:
        record: the first one.
        called: how the file calls a usual column, such as `{"instruction": "question"}`.

    Returns:
        A form; None where its columns are none of the usual ones, or can stand in no template.
    """
    names = {one: (called or {}).get(one, one) for one in ("instruction", "input", "output")}
    there = {one for one in record if isinstance(one, str) and one.isidentifier()}
    for answer in ("answer", "completion"):
        if {"prompt", answer} <= there and isinstance(record["prompt"], str):
            return {"prompt": "{{ prompt }}", "answer": f"{{{{ {answer} }}}}"}
    if {names["instruction"], names["output"]} <= there:
        return _alpaca(names["instruction"], names["input"] if names["input"] in there else "", names["output"])
    if "messages" in there:
        turns = _TURN.format("messages", "{{ turn.role | capitalize }}", "{{ turn.content }}")
        return {"prompt": turns, "answer": "{{ messages[-1].content }}"}
    if "conversations" in there:
        turns = _TURN.format("conversations", f"{{{{ {_ROLES}[turn['from']] }}}}", "{{ turn.value }}")
        return {"prompt": turns, "answer": "{{ conversations[-1].value }}"}
    return None


def _alpaca(instruction: str, given: str, output: str) -> dict[str, str]:
    """Stanford Alpaca's prompt, with or without an input."""
    paired = f"{{% if {given} %}}{ALPACA_PAIRED}{{% endif %}}" if given else ""
    asked = f"{{% if {given} %}}### Input:\n{{{{ {given} }}}}\n\n{{% endif %}}" if given else ""
    prompt = ALPACA.format(paired=paired, instruction=f"{{{{ {instruction} }}}}") + asked + "### Response:"
    return {"prompt": prompt, "answer": f"{{{{ {output} }}}}"}
