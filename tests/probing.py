"""What the tests of probes share: probes of a user's own, and one that another library asks."""

import json
from pathlib import Path
from types import SimpleNamespace

import small
import yaml

from clbench.plugins.hookspecs import hookimpl
from clbench.spec.external import Judged


def write_choice(folder: Path, *, name: str = "quiz", size: int = 6, shots: int = 2) -> Path:
    """A probe with choices, its shots in a file of their own; which choice is right has no pattern."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, number in ((name, size), (f"{name}-shots", shots)):
        records = [
            {"q": one.prompt.splitlines()[2], "options": [f" {one.answer} {k}" for k in "abc"], "right": n * 7 % 3}
            for n, one in enumerate(small.examples(number, task=split))
        ]
        write_lines(folder / f"{split}.jsonl", records)
    form = {"prompt": "Q: {{ q }}\nA:", "choices": "{{ options }}", "answer": "{{ right }}"}
    content = {
        "task": f"own/{name}",
        "data": {"files": {"test": f"{name}.jsonl", "shots": f"{name}-shots.jsonl"}},
        "measure": "choice",
        "shots": shots,
        "forms": [form],
        "scorers": {"strict": "likelihood", "lenient": "likelihood_per_byte"},
    }
    return write_yaml(folder / f"{name}.yaml", content)


def write_generate(folder: Path, *, name: str = "say", size: int = 5) -> Path:
    """A probe whose answers are written out, and end at a blank."""
    folder.mkdir(parents=True, exist_ok=True)
    records = [{"q": one.prompt, "a": one.answer} for one in small.examples(size, task=name)]
    write_lines(folder / f"{name}.jsonl", records)
    content = {
        "task": f"own/{name}",
        "data": {"files": {"test": f"{name}.jsonl"}},
        "forms": [{"prompt": "{{ q }}", "answer": "{{ a }}"}],
        "scorers": {"strict": "fuzz_levenshtein", "lenient": "exact"},
        "max_new_tokens": 12,
        "stop": ["e"],
    }
    return write_yaml(folder / f"{name}.yaml", content)


def write_lines(path: Path, records: list) -> None:
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records), encoding="utf-8")


def write_yaml(path: Path, content: dict) -> Path:
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


class Outside:
    """A probe of another library: is the model's next token after a number even?"""

    def __init__(self, *, name: str = "outside/even", version: int = 1, size: int = 6, scores=None) -> None:
        self.name, self.summary, self.size, self.scores = name, "whether the next token is even", size, scores
        self.identity, self.asked = {"name": name, "version": version}, []

    def measure(self, model, tokenizer, *, batch_size, limit):
        import torch

        self.asked.append(SimpleNamespace(batch=batch_size, limit=limit, training=model.training))
        found = []
        for number in range(min(self.size, limit or self.size)):
            ids = torch.tensor([tokenizer(f"number {number}", add_special_tokens=False)["input_ids"]])
            with torch.no_grad():
                token = int(model(ids).logits[0, -1].argmax())
            score = self.scores[number] if self.scores else float(token % 2 == 0)
            found.append(Judged(f"number {number}", f"token {token}", "even", score))
        return found

    def plugin(self):
        """As a plugin gives it."""
        library = self.name.partition("/")[0]
        return SimpleNamespace(
            clbench_load_probe=hookimpl(lambda name: self if name.partition(":")[0] == library else None)
        )
