"""Templates: what they may say, and what they may not do."""

import json
import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clbench.base.errors import DataError
from clbench.spec import templates

COLUMNS = {"name": "Ada", "nothing": None, "marks": [2, 3], "of": {"format": "hexagonal"}}


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("Hello {{ name }}!\n", "Hello Ada!\n"),  # the last newline stays
        ("{% for one in marks %}{{ loop.index }}: {{ one }}\n{% endfor %}", "1: 2\n2: 3\n"),
        ("{% if marks %}yes{% else %}no{% endif %}", "yes"),
        ("<{{ '<&>' }}>", "<<&>>"),  # a text for a model, not for a browser
        ("{{ name | replace_by('^', ' ') }}", " Ada"),
        ("{{ name | replace_by('(d)', '\\\\1\\\\1') }}", "Adda"),
        ("{{ ('a, b;c' | split_by('[,;] *')) | join('|') }}", "a|b|c"),
        ("{{ of.format }} {{ of['format'] }}", "hexagonal hexagonal"),  # a column may be named as a method is
        ("{{ '3' | int - 1 }}", "2"),
        ("", ""),
    ],
)
def test_text(text, made):
    templates.check(text)
    assert templates.render(text, COLUMNS, where="x") == made


def test_value_of_an_expression_stays_what_it_is():
    assert templates.value("{{ marks }}", COLUMNS, where="x") == [2, 3]
    assert templates.value(" {{ name | list }} ", COLUMNS, where="x") == ["A", "d", "a"]


def test_variables_are_the_columns():
    assert templates.variables("{{ a.b }}{% for c in d %}{{ c }}{{ range(e) }}{% endfor %}", "{{ f }}") == set("adef")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ ''.__class__.__mro__ }}", "__class__"),
        ("{{ name.__init__.__globals__ }}", "__init__"),
        ("{{ self.__init__ }}", "__init__"),
        ("{{ range(10000000) | list }}", "Range too big"),
        ("{{ 'a' * 1000000000 }}", "'*' is not allowed"),
        ("{{ 9 ** 999999999 }}", r"'\*\*' is not allowed"),
        ("{{ '%999999999d' % 1 }}", "'%' is not allowed"),
        ("{{ 'a'.ljust(1000000000) }}", "ljust is not allowed"),
        ("{{ '{:999999999d}'.format(1) }}", "format is not allowed"),
        ("{{ 'a'['zfill'](1000000000) }}", "zfill is not allowed"),
        ("{{ (5).to_bytes(1000000000) }}", "to_bytes is not allowed"),
        (
            "{% for a in range(99999) %}{{ 'much of it, again and again' }}{% endfor %}",
            "more than 2,000,000",
        ),
        ("{{ nothing }}", "null"),
        ("{{ missing }}", "'missing' is undefined"),
        ("{{ of.missing }}", "no attribute 'missing'"),
        ("{{ lipsum(9) }}", "'lipsum' is undefined"),
        ("{{ 1 / 0 }}", "division by zero"),
    ],
)
def test_what_fails_while_it_is_made_says_where_and_why(text, reason):
    templates.check(text)
    with pytest.raises(DataError, match=rf"^a\.jsonl:3: prompt cannot be made: .*{reason}") as caught:
        templates.render(text, COLUMNS, where="a.jsonl:3: prompt")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ name", "unexpected end of template"),
        ("{% if name %}", "Unexpected end of template"),
        ("{{ name | nope }}", "No filter named 'nope'"),
        ("{{ marks | random }}", "No filter named 'random'"),  # not the same each time
        ("{{ name | center(1000000000) }}", "No filter named 'center'"),
        ("{{ name | attr('format') }}", "No filter named 'attr'"),
        ("{% set a = 'x' %}", "only if and for"),  # could double itself
        ("{% include '/etc/passwd' %}", "only if and for"),
        ("{% macro a() %}{{ a() }}{{ a() }}{% endmacro %}", "only if and for"),
    ],
)
def test_what_is_no_template_is_said_before_any_record_is_read(text, reason):
    with pytest.raises(ValueError, match=f"^is no template: .*{reason}"):
        templates.check(text)


@pytest.mark.parametrize(
    "text", ["", "a", "a {{ name }}", "{{ name }}{{ name }}", "{% for a in marks %}{{ a }}{% endfor %}"]
)
def test_a_list_is_one_expression(text):
    templates.check(text)
    with pytest.raises(ValueError, match="one expression"):
        templates.check_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% for a in x %}{% for b in x %}{% for c in x %}{% if a %}{% endif %}{% endfor %}{% endfor %}{% endfor %}",
    ],
)
def test_loops_that_write_nothing_end(text):
    templates.check(text)
    with pytest.raises(DataError, match="its loops have more than 100,000 rounds"):
        templates.render(text, {"x": "a" * 100}, where="prompt")


def test_a_pattern_that_does_not_end_is_ended(monkeypatch):
    monkeypatch.setattr("clbench.base.patterns.SECONDS", 0.05)
    with pytest.raises(DataError, match=r"prompt cannot be made: the regular expression '\(a\+\)\+b' needs more than"):
        templates.render("{{ x|replace_by('(a+)+b') }}", {"x": "a" * 3000}, where="prompt")


@given(st.text())
@example("{{ 1 }} {% raw %} <&>")
def test_a_column_is_never_read_as_a_template(text):
    assert templates.render("[{{ a }}]", {"a": text}, where="x") == f"[{text}]"


@given(st.dictionaries(st.sampled_from(["test", "entry_point"]), st.text(), min_size=2))
def test_json_of_columns_reads_back(columns):
    made = templates.render("{{ {'test': test, 'entry_point': entry_point} | tojson }}", columns, where="x")
    assert json.loads(made) == columns


def test_the_library_is_imported_only_for_templates(process_env):
    """A process of its own: the command line and TRACE's tasks do without it."""
    code = """
import sys
import clbench.cli
from clbench.base.home import packaged
from clbench.spec.taskfiles import Catalog
catalog = Catalog.find([packaged("tasks")])
catalog.task("trace/fomc")
assert "jinja2" not in sys.modules
catalog.task("probes/mmlu")
assert "jinja2" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], env=process_env(), check=True, timeout=300)
