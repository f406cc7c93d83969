"""Where a probe's records come from, how many are taken, and the hash of what is asked."""

import json
from pathlib import Path

import pytest
import small
from probing import Outside, write_choice, write_generate

from clbench.base.errors import DataError
from clbench.base.home import packaged
from clbench.data.probes import WORLD_SIZE, load_probe_data
from clbench.data.records import shuffled
from clbench.data.sources import load_stream_data
from clbench.plugins.registry import registry
from clbench.spec.stream import PlannedProbe, resolve
from clbench.spec.task import Task
from clbench.spec.taskfiles import Catalog
from clbench.tiny.world import probe_records

CATALOG = Catalog.find([packaged("tasks")])


def plan_of(tmp_path, *probes, **changes):
    path = small.write_stream(tmp_path / "stream", train=9)
    loaded = registry().catalog().stream(str(path))
    plan = resolve(
        loaded.stream, tasks=loaded.tasks, base_dir=loaded.base_dir, variant="files", changes={"stream": changes}
    )
    object.__setattr__(plan, "probes", probes)
    return plan


def own(path, **changes):
    [(task, base)] = CATALOG.probes(str(path))
    return PlannedProbe(task, given=True, base_dir=base, **changes)


def shipped(name, **changes):
    [(task, _)] = CATALOG.probes(name)
    return PlannedProbe(task, given=True, **changes)


def load(tmp_path, probe, **how):
    (found,) = load_probe_data(plan_of(tmp_path, probe), world=probe_records, **how)
    return found


def test_a_users_own_probe_reads_files_beside_it_whatever_data_says(tmp_path):
    found = load(tmp_path, own(write_choice(tmp_path / "quiz")), data_dir=tmp_path)
    assert (found.source, len(found.test), found.train) == ("files", 6, ())
    shots = found.test[0].prompt[: found.test[0].start]
    assert shots.count("Q: ") == shots.count("A: ") == 2
    assert {one.prompt[: one.start] for one in found.test} == {shots}
    for one in found.test:
        assert one.answer in one.choices
        assert len(one.choices) == 3


def test_a_limit_takes_records_evenly_spread(tmp_path):
    path = write_choice(tmp_path / "quiz", size=10)
    whole = load(tmp_path, own(path)).test
    for size, expected in ((1, [0]), (3, [0, 3, 6]), (4, [0, 2, 5, 7]), (10, [*range(10)]), (99, [*range(10)])):
        assert load(tmp_path, own(path, examples=size)).test == tuple(whole[i] for i in expected)


def test_the_hash_is_of_what_is_asked_and_the_identity_of_how_it_is_scored_too(tmp_path):
    path = write_choice(tmp_path / "quiz")
    one = load(tmp_path, own(path))
    assert load(tmp_path, own(path, schedule="every")).identity == one.identity
    hashes, identities = {one.hash}, {one.identity}
    few = load(tmp_path, own(path, examples=3))
    hashes.add(few.hash)
    identities.add(few.identity)
    for name, old, new in (
        ("quiz.jsonl", ' b"', ' c"'),
        ("quiz-shots.jsonl", " a", " z"),
        ("quiz.jsonl", '"right": 1', '"right": 0'),
    ):
        file = path.parent / name
        text = file.read_text("utf-8")
        assert old in text
        file.write_text(text.replace(old, new), "utf-8")
        found = load(tmp_path, own(path))
        hashes.add(found.hash)
        identities.add(found.identity)
    assert len(hashes) == len(identities) == 5
    path.write_text(path.read_text("utf-8").replace("strict: likelihood", "strict: likelihood_per_token"), "utf-8")
    other = load(tmp_path, own(path))
    assert (other.hash in hashes, other.identity in identities) == (True, False)


def test_an_ending_is_part_of_the_hash(tmp_path):
    path = write_choice(tmp_path / "quiz")
    hashes = set()
    for ending in ("", ".", "!"):
        found = path.read_text("utf-8").replace("- prompt:", f"- ending: '{ending}'\n  prompt:")
        other = path.with_name(f"quiz{len(hashes)}.yaml")
        other.write_text(found, "utf-8")
        hashes.add(load(tmp_path, own(other)).hash)
    assert len(hashes) == 3


def test_local_files_are_read_first_and_json_or_jsonl_alike(tmp_path, monkeypatch):
    folder = tmp_path / "data" / "boolq"
    folder.mkdir(parents=True)
    record = {"question": "is it so", "passage": "It is.", "answer": True}
    (folder / "test.json").write_text(json.dumps([record]), "utf-8")
    found = load(tmp_path, shipped("boolq"), data_dir=tmp_path / "data")
    (folder / "test.json").unlink()
    (folder / "test.jsonl").write_text(json.dumps(record) + "\n", "utf-8")
    again = load(tmp_path, shipped("boolq"), data_dir=tmp_path / "data")
    assert (found.source, found.test, found.identity) == (again.source, again.test, again.identity)
    assert found.source == "files"
    asked = []
    monkeypatch.setattr("clbench.data.formed.read_hub", lambda hub, split: asked.append(hub.path) or [("hub", record)])
    hub = load(tmp_path, shipped("boolq"), data_dir=tmp_path)
    assert (hub.source, hub.test, asked) == ("hub", found.test, ["aps/super_glue"])
    assert hub.hash == found.hash, "the same records are the same data, wherever they come from"


@pytest.mark.parametrize("folder", [None, Path("elsewhere")])
def test_what_has_local_files_only_needs_them(tmp_path, folder):
    with pytest.raises(DataError, match=r"--data FOLDER|held-out/text\.jsonl: cannot be read"):
        load(tmp_path, shipped("held-out-text"), data_dir=folder)


def test_worlds_are_generated(tmp_path):
    found = {name: load(tmp_path, shipped(name, examples=5)) for name in ("facts", "skills", "text")}
    assert {one.source for one in found.values()} == {"world"}
    assert all(len(one.test) == 5 for one in found.values())
    assert all(len(one.prompt) == 1 for one in found["text"].test)
    assert len(load(tmp_path, shipped("facts")).test) == WORLD_SIZE
    task = Task.model_validate({"task": "own/moon", "data": {"world": "moon"}, "scorers": {"strict": "exact"}})
    with pytest.raises(DataError, match="no probe of the invented world 'moon'; there is facts, skills, text"):
        load(tmp_path, PlannedProbe(task))


def test_another_librarys_probe_has_no_records_here(tmp_path):
    def found(limit=None, **changes):
        outside = Outside(**changes)
        task = Task(task=outside.name, data={"external": "x"}, measure="external", scorers={"strict": "stated"})
        return load(tmp_path, PlannedProbe(task, limit, given=True, external=outside))

    assert (found().source, found().test, found().hash) == ("external", (), "")
    assert found().identity == found(size=3).identity
    assert len({found().identity, found(limit=3).identity, found(version=2).identity}) == 3


def test_answers_that_are_written_out_have_no_choices(tmp_path):
    found = load(tmp_path, own(write_generate(tmp_path / "say")))
    assert {one.choices for one in found.test} == {()}
    assert found.task.stop == ("e",)


def test_training_records_of_any_source_are_shuffled_before_they_are_cut(tmp_path):
    whole = load_stream_data(plan_of(tmp_path))
    cut = load_stream_data(plan_of(tmp_path, shuffle=3, train_examples=4))
    for before, after in zip(whole, cut, strict=True):
        assert after.train == tuple(shuffled(before.train, 3)[:4]) != before.train[:4]
        assert after.test == before.test, "test records stay where they are"
        assert sorted(one.prompt for one in shuffled(before.train, 3)) == sorted(one.prompt for one in before.train)
    assert shuffled(whole[0].train, 3) != shuffled(whole[0].train, 4)
    assert shuffled(whole[0].train, None) == list(whole[0].train)
