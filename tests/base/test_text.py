"""Text from outside does nothing where it is shown, and stays readable."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.base.text import JOINER, html, in_json, markdown, plain, terminal

ACTS = [*map(chr, range(9)), *map(chr, range(11, 32)), *map(chr, range(127, 160)), *"\u061c\u200e\u200f\u2028\u2029"]
ACTS += ["\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069", "\ud800", "\ufeff"]


@pytest.mark.parametrize("sign", ACTS, ids=lambda sign: f"U+{ord(sign):04X}")
def test_what_acts_is_replaced_for_every_place(sign):
    text = f"a{sign}b"
    assert plain(text) == "a�b"
    assert terminal(text) in ("a�b", "a b")
    assert sign not in markdown(text)
    assert html(text) == "a�b"


@given(st.text())
def test_readable_text_is_kept(text):
    kept = "".join(one for one in text if one not in ACTS)
    assert plain(kept) == kept
    assert terminal(kept) == " ".join(kept.split())


@given(st.text())
def test_it_is_done_once(text):
    assert plain(plain(text)) == plain(text)
    assert terminal(terminal(text)) == terminal(text)


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_means_the_same(value):
    document = in_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(document) == value
    assert not set(document) & {*ACTS} - {"\n"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://example.org/x", f"https:{JOINER}//example.org/x"),
        ("see HTTP://x", f"see HTTP:{JOINER}//x"),
        ("www.example.org", f"www{JOINER}.example.org"),
        ("a@example.org", f"a@{JOINER}example.org"),
        ("@somebody", f"@{JOINER}somebody"),
        ("fixes #12 and GH-3", f"fixes #{JOINER}12 and GH-{JOINER}3"),
        (":rocket:", f":{JOINER}rocket:"),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
        ("# a", r"\# a"),
        ("- a", r"\- a"),
        ("1. a", r"1\. a"),
        ("0.5 ± 0.1", "0.5 ± 0.1"),
        ("$x$ ~~y~~", r"\$x\$ \~\~y\~\~"),
        ("mofo (fraction=0.05), replay.size=1e-3: 2 @ 3", "mofo (fraction=0.05), replay.size=1e-3: 2 @ 3"),
    ],
)
def test_markdown_has_no_links_mentions_or_markup(text, shown):
    assert markdown(text) == shown


@given(st.text(st.sampled_from("a@:/w.#1-Ghtps <>`*_")))
def test_no_address_or_mention_is_left(text):
    assert not re.search(r"(?i)https?://\S|\bwww\.\S|@\w|#\d", markdown(text))


def test_attributes_cannot_be_left():
    assert html("\"'<>&") == "&quot;&#x27;&lt;&gt;&amp;"
