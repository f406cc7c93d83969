"""Prompts as a chat model knows them: through its tokenizer's own template, the same text in training and in asking.

What is asked is the template's text up to where the assistant begins; what is learned is the answer and the token that
ends the assistant's turn, at which generation stops. Nothing else makes such text (`protocol.prompt=chat`).
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clbench.base.errors import ModelError
from clbench.base.hashing import digest
from clbench.data.example import Example, Turn

USER, ANSWER, SYSTEM = "clbench asks", "clbench answers", "clbench rules"  # texts to find in what a template makes
DAY = datetime.datetime(2024, 7, 26, tzinfo=datetime.UTC)  # templates that write the date write this one
TODAY = DAY.strftime("%d %b %Y")
_CLOCK = "{%- macro strftime_now(format) -%}{{ days.get(format, date_string) }}{%- endmacro -%}"
_FORMAT = re.compile(r"strftime_now\(\s*['\"]([^'\"]*)['\"]")


@dataclass(frozen=True, slots=True)
class Chat:
    """A tokenizer's template under a system prompt.

    Args:
        tokenizer: with a template.
        system: said before every conversation that has no system turn of its own; None: whatever the template says.
        end: the token that ends the assistant's turn.
        head: what the template writes before a first user's text, kept where a long prompt is cut.
    """

    tokenizer: Any
    system: str | None
    end: int
    head: str

    def render(self, one: Example) -> str:
        """What the model is asked, up to where its answer begins.

        Raises:
            ModelError: the template refuses the conversation.
        """
        turns = one.turns or (*one.shots, ("user", one.prompt[one.start :] if one.shots else one.prompt))
        given = (("system", self.system),) if self.system and turns[0][0] != "system" else ()
        return _render(self.tokenizer, (*given, *turns))


def template_hash(tokenizer: Any) -> str:
    """Of a tokenizer's template, for the board.

    Raises:
        ModelError: it has none.
    """
    return digest(_template(tokenizer))


def make_chat(tokenizer: Any, *, system: str | None = None) -> Chat:
    """A tokenizer's template, tried on a short conversation.

    Raises:
        ModelError: there is none, it fails, takes no system prompt though one is given, or ends no turn by a token.
    """
    _template(tokenizer)
    first = (("system", system),) if system else ()
    if system and SYSTEM not in _render(tokenizer, (("system", SYSTEM), ("user", USER))):
        raise ModelError("protocol.system: the model's chat template leaves system prompts out; take it off")
    asked = _render(tokenizer, (*first, ("user", USER)))
    if asked.count(USER) != 1:
        raise ModelError("the model's chat template does not give the user's text back; use protocol.prompt=plain")
    return Chat(tokenizer, system, _end(tokenizer, first), asked[: asked.index(USER)])


def _template(tokenizer: Any) -> str:
    found = getattr(tokenizer, "chat_template", None)
    if isinstance(found, dict):
        found = found.get("default")
    if not found:
        raise ModelError("protocol.prompt=chat: the model's tokenizer has no chat template; use protocol.prompt=plain")
    return str(found)


def _end(tokenizer: Any, first: Sequence[Turn]) -> int:
    """The token behind an assistant's text; the end-of-text token where the template writes none."""
    whole = _render(tokenizer, (*first, ("user", USER), ("assistant", ANSWER)), opened=False)
    rest = whole.rpartition(ANSWER)[2].lstrip()
    added = {str(token): number for number, token in tokenizer.added_tokens_decoder.items()}
    for text in sorted(added, key=len, reverse=True):
        if rest.startswith(text):
            return added[text]
    if not rest:
        return int(tokenizer.eos_token_id)
    raise ModelError(
        f"the model's chat template ends an answer with {rest[:20]!r}, which is no token of its own; "
        "use protocol.prompt=plain"
    )


def _render(tokenizer: Any, turns: Sequence[Turn], *, opened: bool = True) -> str:
    messages = [{"role": role, "content": text} for role, text in turns]
    template = _template(tokenizer)
    days = {form: DAY.strftime(form) for form in _FORMAT.findall(template)}
    fixed = {"days": days, "date_string": TODAY, "enable_thinking": False}
    template = _CLOCK + template if "strftime_now" in template else template
    try:
        return tokenizer.apply_chat_template(
            messages, chat_template=template, tokenize=False, add_generation_prompt=opened, **fixed
        )
    except Exception as error:  # whatever a template's own code raises
        reason = " ".join(str(error).split())[:150]
        roles = "/".join(role for role, _ in turns)
        raise ModelError(f"the model's chat template refuses a conversation of {roles} ({reason})") from error
