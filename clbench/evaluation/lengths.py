"""Texts longer than a model takes: refused, or told where it can read on, before the first step meets one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clbench.base.errors import ModelError
from clbench.data.sources import TaskData
from clbench.data.tokenising import Encoder
from clbench.models.bearing.window import is_bounded, reserved, stated, window

if TYPE_CHECKING:
    from clbench.runs.runconfig import RunConfig


def check_lengths(config: RunConfig, encoder: Encoder, model: Any) -> str | None:
    """What a record has to say of texts that are longer than those that the model was made for.

    Texts are tokenised for it only where the protocol's lengths admit such ones. Probes of another world are cut to
    the model's window, whatever the protocol says.

    Args:
        config: of the run.
        encoder: text to tokens.
        model: as the method has prepared it.

    Raises:
        ModelError: the model cannot read such a text.
    """
    protocol, most = config.plan.protocol, window(model)
    admitted = protocol.max_prompt_tokens + protocol.max_answer_tokens + 1  # with the token that ends a text
    if admitted <= most or not (stated(model) or is_bounded(model)):
        return None
    longest = {one.task.name: _longest(encoder, one, most=protocol.max_answer_tokens) for one in config.data}
    name, length = max(longest.items(), key=lambda pair: pair[1])
    if length <= most:
        return None
    if not is_bounded(model):
        return f"texts of up to {length} tokens ({name}) are longer than the {most} that the model was made for"
    room, virtual = most - protocol.max_answer_tokens - 1, reserved(model)
    beside = f" beside the {virtual} that {config.choice.name} lets stand before them" if virtual else ""
    way = f"--set protocol.max_prompt_tokens={room} leaves out the beginnings of long prompts" if room > 0 else ""
    raise ModelError(
        f"model {config.model.name!r}: takes texts of {most} tokens{beside}, and those of {name} have up to {length}; "
        f"{way or 'lower protocol.max_answer_tokens and protocol.max_prompt_tokens'} (another board)"
    )


def _longest(encoder: Encoder, data: TaskData, *, most: int) -> int:
    """Tokens of a task's longest text: trained, or asked with as much as may be answered."""
    rows = [*encoder.examples(data.train)[0]]
    rows += encoder.wholes(data.test) if data.task.measure == "loss" else encoder.examples(data.test)[0]
    written = data.task.measure == "generate"
    asked = encoder.prompts([encoder.asked(one) for one in data.test]) if written else []
    answer = min(data.task.max_new_tokens, most) if written else 0
    return max((*(len(one.ids) for one in rows), *(len(ids) + answer for ids in asked)), default=0)
