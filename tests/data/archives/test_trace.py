"""The official archive: found in its layouts, pinned by its hashes, unpacked without leaving its folder."""

import json
import stat
import zipfile

import pytest
import small

from clbench.base.errors import ClbenchError, DataError
from clbench.base.hashing import file_digest
from clbench.data.archives import trace as archive
from clbench.data.archives import unpacking

TASKS = tuple(small.TRACE_FORMS)


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """A root with two variants, as the authors' archive has it; not to be changed."""
    root = tmp_path_factory.mktemp("official") / "TRACE-Benchmark"
    small.write_archive(root, variant="500")
    small.write_archive(root, variant="reasoning", size=2)
    return root


# --- where it is


def test_the_root_a_folder_above_it_and_one_variant_are_found(official):
    both = {"500": official / "LLM-CL-Benchmark_500", "reasoning": official / "LLM-CL-Benchmark_Reasoning"}
    assert archive.locate(official, tasks=TASKS) == both
    assert archive.locate(official.parent, tasks=TASKS) == both
    assert archive.locate(official, tasks=TASKS, variant="500") == {"500": both["500"]}
    assert archive.locate(both["reasoning"], tasks=TASKS) == {"reasoning": both["reasoning"]}


def test_what_a_mac_leaves_beside_it_is_no_variant(official, tmp_path):
    root = tmp_path / "unpacked"
    real = small.write_archive(root)
    (root / "__MACOSX" / real.name / "FOMC").mkdir(parents=True)
    assert archive.locate(root, tasks=TASKS) == {"500": real}


@pytest.mark.parametrize(("size", "variant"), [(500, "500"), (1000, "1000")])
def test_a_lone_folder_is_known_by_its_number_of_records(tmp_path, size, variant):
    folder = small.write_archive(tmp_path).rename(tmp_path / "renamed")
    (folder / TASKS[0] / "train.json").write_text(json.dumps([{}] * size), encoding="utf-8")
    assert archive.locate(folder, tasks=TASKS) == {variant: folder}


def test_a_lone_folder_of_another_size_must_be_named(tmp_path):
    folder = small.write_archive(tmp_path).rename(tmp_path / "renamed")
    with pytest.raises(DataError, match=r"C-STANCE has 4 training records.*--variant"):
        archive.locate(folder, tasks=TASKS)
    assert archive.locate(folder, tasks=TASKS, variant="1000") == {"1000": folder}


def test_a_folder_without_it_is_refused(official, tmp_path):
    with pytest.raises(DataError, match="holds no LLM-CL-Benchmark"):
        archive.locate(tmp_path, tasks=TASKS)
    with pytest.raises(DataError, match="holds no LLM-CL-Benchmark"):
        archive.locate(official, tasks=TASKS, variant="5000")
    with pytest.raises(ClbenchError, match=r"no TRACE variant '50'.*did you mean '500'"):
        archive.locate(official, tasks=TASKS, variant="50")


# --- what was registered is what is read


def test_a_registered_split_is_given_as_long_as_it_is_the_same(home, tmp_path):
    folder = small.write_archive(tmp_path)
    archive.register({"500": folder})
    path = archive.split_path(folder.name, task="FOMC", split="test")
    assert path == folder / "FOMC" / "test.json"
    assert len(archive.REGISTER.entries()["500"]["files"]) == 24
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"FOMC/test\.json: changed since it was added"):
        archive.split_path(folder.name, task="FOMC", split="test")
    archive.register({"500": folder})
    assert archive.split_path(folder.name, task="FOMC", split="test") == path


def test_registering_one_variant_keeps_the_others(home, official):
    both = archive.locate(official, tasks=TASKS)
    for variant, folder in both.items():
        archive.register({variant: folder})
    assert archive.REGISTER.entries().keys() == both.keys()


def test_a_missing_file_and_a_missing_variant_say_what_to_do(home, tmp_path):
    with pytest.raises(DataError, match=r"variant '500' is not installed.*clbench data add trace PATH"):
        archive.split_path("LLM-CL-Benchmark_500", task="FOMC", split="test")
    folder = small.write_archive(tmp_path)
    archive.register({"500": folder})
    (folder / "FOMC" / "test.json").unlink()
    for task in ("FOMC", "Papyrus-f"):
        with pytest.raises(DataError, match=rf"has no {task}/test\.json.*add the archive again"):
            archive.split_path(folder.name, task=task, split="test")


@pytest.mark.parametrize("content", ["{", "[]", '{"variants": null}', "{}"])
def test_a_damaged_register_says_how_to_mend_it(home, content):
    archive.REGISTER.file.parent.mkdir(parents=True)
    archive.REGISTER.file.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"is damaged.*delete it"):
        archive.REGISTER.entries()


# --- zips


def test_a_zip_is_unpacked_once(home, official, tmp_path):
    path = small.zip_folder(official, tmp_path / "trace.zip")
    with zipfile.ZipFile(path, "a") as more:
        more.writestr("__MACOSX/TRACE-Benchmark/._x", "")
    target = archive.unpack(path, sha256=file_digest(path))
    assert not list(target.rglob("*MACOSX*"))
    unpacked = {file.relative_to(target): file.read_bytes() for file in small.files_below(target)}
    assert unpacked == {file.relative_to(official.parent): file.read_bytes() for file in small.files_below(official)}
    (target / "mark").touch()
    assert archive.unpack(path, sha256=file_digest(path).upper()) == target
    assert (target / "mark").exists()
    assert [one.name for one in target.parent.iterdir()] == [target.name], "nothing else is left behind"


def _zip(*names, link="", content="x"):
    def make(path):
        with zipfile.ZipFile(path, "w") as made:
            made.writestr("LLM-CL-Benchmark_500/FOMC/test.json", "[]")
            for name in names:
                made.writestr(name, content)
            if link:
                info = zipfile.ZipInfo(link)
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
                made.writestr(info, "/etc/passwd")

    return make


def _cut(path):
    _zip("more.json", content="long " * 1000)(path)
    path.write_bytes(path.read_bytes()[:-200])


def _damaged(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("LLM-CL-Benchmark_500/FOMC/test.json", json.dumps(list(range(5000))))
    content = bytearray(path.read_bytes())
    content[200:203] = b"\xff\x00\xff"
    path.write_bytes(content)


def _encrypted(path):
    _zip()(path)
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the local header's flag, and the directory's
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


BAD_ZIPS = {
    "climbs out": (_zip("../evil.json"), "outside its folder"),
    "climbs out deep inside": (_zip("LLM-CL-Benchmark_500/../../evil.json"), "outside its folder"),
    "absolute": (_zip("/tmp/evil.json"), "outside its folder"),
    "backslashes": (_zip("LLM-CL-Benchmark_500\\..\\..\\evil.json"), "outside its folder"),
    "a drive": (_zip("C:evil.json"), "outside its folder"),
    "a link": (_zip(link="LLM-CL-Benchmark_500/link"), "outside its folder"),
    "hidden by a mac": (_zip("__MACOSX/../../evil.json"), "outside its folder"),
    "cut off": (_cut, "no readable zip"),
    "damaged": (_damaged, "no readable zip"),
    "encrypted": (_encrypted, "no readable zip"),
    "no zip": (lambda path: path.write_text("<html>quota exceeded</html>"), "no readable zip"),
    "empty": (lambda path: path.write_text(""), "no readable zip"),
}


@pytest.mark.parametrize("kind", BAD_ZIPS)
def test_a_bad_zip_is_refused_and_leaves_nothing(home, tmp_path, kind):
    make, complaint = BAD_ZIPS[kind]
    path = tmp_path / "bad.zip"
    make(path)
    before = small.files_below(tmp_path)
    with pytest.raises(DataError, match=complaint):
        archive.unpack(path, sha256=file_digest(path))
    assert small.files_below(tmp_path) == before
    assert not list(home.rglob("trace-*"))


@pytest.mark.parametrize(("limit", "value"), [("MAX_UNPACKED", 5000), ("MAX_MEMBERS", 3), ("MAX_MEMBER", 1999)])
def test_a_zip_that_unpacks_to_too_much_is_refused(home, tmp_path, monkeypatch, limit, value):
    path = tmp_path / "bomb.zip"
    _zip(*"abc", content="0" * 2000)(path)
    monkeypatch.setattr(unpacking, limit, value)
    with pytest.raises(DataError, match="not TRACE's archive"):
        archive.unpack(path, sha256=file_digest(path))
    assert not small.files_below(home)


def test_another_checksum_is_refused_before_anything_is_read(home, tmp_path):
    path = tmp_path / "trace.zip"
    _zip()(path)
    official = rf"{archive.OFFICIAL_SHA256} \(the official archive\)"
    with pytest.raises(DataError, match=f"{file_digest(path)}, not {official}"):
        archive.unpack(path)
    with pytest.raises(DataError, match="not abc;"):
        archive.unpack(path, sha256="abc")
    assert not small.files_below(home)


def test_an_unwritable_data_folder_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CLBENCH_HOME", str(tmp_path / "file"))
    path = tmp_path / "trace.zip"
    _zip()(path)
    with pytest.raises(DataError, match=r"cannot be written.*CLBENCH_HOME"):
        archive.unpack(path, sha256=file_digest(path))
