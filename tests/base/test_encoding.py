"""Output that is no UTF-8: text degrades, documents stay exact, nothing fails."""

import json
import subprocess
import sys

import pytest

SAYS = """
from clbench.base.encoding import degrade_output
from clbench.cli.shared import output
degrade_output()
if {as_json}:
    output.print_json({{"said": {text!r}}})
else:
    output.print_table([{{"OP \\u2191": {text!r}}}], headings=["OP \\u2191"], title={text!r})
    output.console().print({text!r}, markup=False, soft_wrap=True)
import sys
sys.stderr.write({text!r} + chr(10))
"""
TEXT = "ΔR −0.5 ±0.1 … 中 é ↑"


def said(process_env, text, *, encoding, as_json=False):
    done = subprocess.run(
        [sys.executable, "-c", SAYS.format(text=text, as_json=as_json)],
        env=process_env(PYTHONIOENCODING=encoding, PYTHONUTF8="0"),
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    name = encoding.partition(":")[0]
    return done.stdout.decode(name), done.stderr.decode(name)


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", r"dR -0.5 +-0.1 ... \u4e2d e ^"),
        ("cp1252", r"dR -0.5 ±0.1 … \u4e2d é ^"),
        ("cp437", r"dR -0.5 ±0.1 ... \u4e2d é ^"),
        ("utf-8", TEXT),
        ("ascii:strict", r"dR -0.5 +-0.1 ... \u4e2d e ^"),
    ],
)
def test_text_degrades(process_env, encoding, shown):
    out, err = said(process_env, TEXT, encoding=encoding)
    assert shown in out
    assert err.splitlines() == [shown]
    assert ("OP ↑" if encoding == "utf-8" else "OP ^") in out


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_documents_are_exact(process_env, encoding):
    out, _ = said(process_env, TEXT, encoding=encoding, as_json=True)
    assert json.loads(out) == {"said": TEXT}
    assert (TEXT in out) == (encoding == "utf-8")


def test_a_file_name_that_is_no_text_is_shown(process_env):
    """Half of a surrogate pair is how Python keeps the bytes of such a name, and UTF-8 has no place for it."""
    out, err = said(process_env, "runs/\udcff", encoding="utf-8")
    assert "runs/\ufffd" in out  # tables show what is no text as that
    assert err == "runs/\\udcff\n"
