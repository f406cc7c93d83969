"""Inputs that nobody would write, generated: any JSON at any place of a record, any lines as predictions, any YAML.

Each is read as what it is, or refused in one line; never by another exception, never in more than ten seconds or with a
gigabyte more, and nothing is written. `CLBENCH_SPOILT=10` (in `tox -e faults`) tries ten times as many.
"""

import copy
import json
import os
import resource
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clbench.base.errors import ClbenchError
from clbench.base.home import packaged
from clbench.plugins.registry import registry

TIMES = int(os.environ.get("CLBENCH_SPOILT", "1"))
SLOWEST, MOST_MEMORY = 10, 1 << 30
FEW = settings(
    max_examples=260 * TIMES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
NUMBERS = st.one_of(st.integers(), st.floats(), st.sampled_from([10**400, -(10**18) - 1, 2**63, 5e-324, -0.0]))
TEXTS = st.one_of(
    st.text(max_size=20), st.sampled_from(["", "../x", "a/b", "\x1b[2J", "\u202e", "nan", "1", "true", "x" * 10_000])
)
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES = st.recursive(
    LEAVES, lambda one: st.lists(one, max_size=4) | st.dictionaries(TEXTS, one, max_size=4), max_leaves=12
)


def refused(read, *arguments):
    """Whether an input was refused, within time and memory."""
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    try:
        read(*arguments)
        said = ""
    except ClbenchError as error:
        said = str(error).strip() if error.exit_code == 2 else ""
        if not said:
            raise
    assert time.monotonic() - began < SLOWEST
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MOST_MEMORY
    return bool(said)


def places(value, at=()):
    """Every place of a JSON document."""
    yield at
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], (*at, key))


def changed(document, place, value):
    """A document with another value at one place, or without it where the value is the document itself."""
    if not place:
        return value
    document = copy.deepcopy(document)
    here = document
    for key in place[:-1]:
        here = here[key]
    here[place[-1]] = value
    return document


@pytest.fixture(scope="module")
def good(make_record):
    files = {f"predictions/0{row}/toy--{task}.jsonl": f"{row}" * 64 for row in range(3) for task in "ab"}
    record = make_record(run="toy_sequential_tiny_order1_s0_0123abcd", predictions=files, probes={"facts": [1, 0.5, 0]})
    return record.model_dump(mode="json")


@given(data=st.data())
@FEW
def test_records(good, tmp_path_factory, make_record, data):
    """A bad record is named and takes no other along, whatever stands where."""
    from clbench.boards.leaderboard import update

    folder = data.draw(st.just(tmp_path_factory.getbasetemp() / "records"))
    other = make_record("other")
    path = folder / "results" / other.board.name / "sequential" / "spoilt.json"
    if not path.parent.exists():
        path.parent.mkdir(parents=True)
        other.save(other.path(folder))
    value = changed(good, data.draw(st.sampled_from(list(places(good)))), data.draw(VALUES))
    path.write_bytes(json.dumps(value).encode("utf-8", "surrogatepass"))
    known = registry()

    def read():
        (done,) = update(folder, summaries=known.summary_specs(), write=False, plugins=known.plugins)
        assert all("other" not in problem.partition(": ")[0] for problem in done.problems)
        assert done.problems, "it does not lie where it belongs, so it never counts"

    assert not refused(read), "one bad record stops nothing"
    assert not list(folder.glob("*.md"))


LINES = st.one_of(
    VALUES.map(json.dumps),
    st.fixed_dictionaries({"prompt": VALUES, "prediction": VALUES, "answer": VALUES}).map(json.dumps),
    st.fixed_dictionaries({"prompt": TEXTS, "prediction": TEXTS, "answer": TEXTS}, optional={"truncated": VALUES}).map(
        json.dumps
    ),
    st.text(max_size=40),
)


TASKS = {name: registry().catalog().task(name) for name in ("trace/fomc", "trace/py150", "trace/20minuten")}


@given(lines=st.lists(LINES, max_size=5), task=st.sampled_from(sorted(TASKS)))
@FEW
def test_predictions(tmp_path_factory, lines, task):
    """Any file of predictions is scored from 0 to 1, or refused."""
    from clbench.runs import predictions

    path = tmp_path_factory.getbasetemp() / "predictions.jsonl"
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))

    def read():
        found = predictions.score(TASKS[task], predictions.read(path), scorer=registry().scorer)
        assert all(0 <= value <= 1 for value in found.roles.values())

    refused(read)


CATALOG = registry().catalog()
SHIPPED = [
    "streams/trace.yaml",
    "presets/mofo-trace.yaml",
    "trace/fomc.yaml",
    "probes/facts.yaml",
    "groups/commonsense.yaml",
]


@given(name=st.sampled_from(SHIPPED), data=st.data())
@FEW
def test_yaml(tmp_path_factory, name, data):
    """Any value at any place of a task file, a stream, a preset or a group."""
    import yaml

    from clbench.cli.validate import check_file

    content = yaml.safe_load((packaged("tasks") / name).read_text("utf-8"))
    place = data.draw(st.sampled_from(list(places(content))))
    text = json.dumps(changed(content, place, data.draw(VALUES)), ensure_ascii=data.draw(st.booleans()))
    path = tmp_path_factory.getbasetemp() / "file.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    refused(lambda: check_file(path, CATALOG, options=False))


@given(text=st.text(alphabet="ab: -[]{}&*!#|>'\"\n\t%@,?0", max_size=60))
@FEW
def test_yaml_by_its_signs(tmp_path_factory, text):
    """What is YAML at all is YAML's to say."""
    from clbench.spec.taskfiles import read_yaml

    path = tmp_path_factory.getbasetemp() / "signs.yaml"
    path.write_text(text, "utf-8")
    refused(read_yaml, path)
