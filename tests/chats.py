"""Chat templates in the manner of the families that people use, written for the tests."""

from typing import Any

import small

BLOCK = "{% for m in messages %}"
CHATML = (
    BLOCK + "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEMPLATES = {
    "llama": "{{ bos_token }}" + BLOCK + "<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
    "{{ m.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}",
    "qwen": CHATML,
    "smollm": "{% if messages[0].role != 'system' %}<|im_start|>system\nYou answer.<|im_end|>\n{% endif %}" + CHATML,
    "gemma": "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    + BLOCK + "<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content | trim }}<end_of_turn>\n"
    "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}",
    "mistral": "{{ bos_token }}" + BLOCK + "{% if m.role == 'assistant' %}{{ m.content }}</s>"
    "{% elif m.role == 'system' %}[INST] {{ m.content }}\n\n"
    "{% else %}{{ '' if loop.previtem is defined and loop.previtem.role == 'system' else '[INST] ' }}"
    "{{ m.content }} [/INST]{% endif %}{% endfor %}",
}  # fmt: skip
ENDS = {
    "llama": "<|eot_id|>",
    "qwen": "<|im_end|>",
    "smollm": "<|im_end|>",
    "gemma": "<end_of_turn>",
    "mistral": "</s>",
}
MARKS = {
    "llama": ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
    "qwen": ["<|im_start|>", "<|im_end|>"],
    "smollm": ["<|im_start|>", "<|im_end|>"],
    "gemma": ["<start_of_turn>", "<end_of_turn>"],
    "mistral": ["[INST]", "[/INST]"],
}


def tokenizer(family: str, *, adds_bos: bool = False) -> Any:
    """A byte-level tokenizer with a family's template and its tokens."""
    made = small.byte_level(adds_bos=adds_bos)
    made.add_special_tokens({"additional_special_tokens": MARKS[family]})
    made.chat_template = TEMPLATES[family]
    return made
