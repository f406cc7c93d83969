"""A whole run whose output is no UTF-8: all is said, nothing is lost, exit code 0."""

import io
import json
import sys

import pytest
import small

from clbench.cli import main


@pytest.fixture
def said(monkeypatch):
    """What a command writes to a console of some encoding, standard error included."""

    def run(*arguments, encoding):
        written = []
        for name in ("stdout", "stderr"):
            written.append(io.BytesIO())
            monkeypatch.setattr(sys, name, io.TextIOWrapper(written[-1], encoding=encoding, write_through=True))
        monkeypatch.setattr(sys, "argv", ["clbench", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        texts = [one.getvalue().decode(encoding) for one in written]
        assert not end.value.code, texts[1]
        return texts[0]

    return run


def test_a_run_and_what_is_shown_of_it(tmp_path, home, llama, said):
    stream = small.write_stream(tmp_path / "own")
    records = small.examples(6, task="own/word", seed=5)
    lines = [{"prompt": one.prompt, "completion": one.answer, "id": 1, "größe": 2} for one in records]
    (stream.parent / "word.train.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    shown = said("run", "--stream", stream, "--plugin", "sequential", "--model", llama, encoding="ascii")
    assert "OP ^" in shown  # the board's heading
    note = "own/word, word.train.jsonl: keys that are not read: grosse (6), id (6)"
    assert shown.count(note.replace("grosse", "gro\\xdfe")) == 2  # when it begins, and among what is to know at the end
    assert "own/word, word.train.jsonl: prompt/completion read as prompt and answer" in shown
    for encoding in ("ascii", "cp1252", "utf-8"):
        document = json.loads(said("show", next((home / "runs").iterdir()), "--json", encoding=encoding))
        assert any("größe (6)" in one["message"] for one in document["warnings"])
