"""The documentation's site: every page is in its menu, boards come from records, and nothing of others is asked for."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
CONFIG = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


class Loader(yaml.SafeLoader):
    """YAML with MkDocs' `!ENV`."""


Loader.add_constructor("!ENV", lambda loader, node: loader.construct_sequence(node))


@pytest.fixture(scope="module")
def hook():
    spec = importlib.util.spec_from_file_location("boards_of_the_site", ROOT / "docs/boards.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pages(nav):
    for entry in nav:
        for value in entry.values():
            yield from [value] if isinstance(value, str) else pages(value)


def test_every_page_is_in_the_menu_once_and_the_boards_come_first():
    found = list(pages(yaml.load(CONFIG, Loader)["nav"]))
    there = [*(ROOT / "docs").glob("*.md"), *(ROOT / "docs/notebooks").glob("*.ipynb")]
    assert sorted(found) == sorted(path.relative_to(ROOT / "docs").as_posix() for path in there)
    assert found[0] == "index.md"
    assert (ROOT / "docs/index.md").read_text(encoding="utf-8").count("<!-- boards -->") == 1


def test_boards_are_made_of_the_records(hook, tmp_path, make_record):
    for seed in (0, 1):
        make_record("mofo", seed=seed, final=(0.5, 0.9)).save(make_record("mofo", seed=seed).path(tmp_path))
    text = hook.boards(tmp_path)
    (heading, name) = re.findall(r"^(#+) (.+)$", text, flags=re.MULTILINE)[0]
    assert heading == "##"
    assert (tmp_path / "results" / name).is_dir()
    assert re.search(r"\| mofo +\| +2 \| +0\.700 ± 0\.000 ", text)


def test_without_records_the_page_says_how_a_board_is_made(hook, tmp_path, call, monkeypatch, home):
    text = hook.boards(tmp_path)
    assert "There is no record here yet" in text
    monkeypatch.chdir(tmp_path)
    first, _ = re.findall(r"^clbench (.+)$", text, flags=re.MULTILINE)
    small = [f"--set=stream.{one}_examples=4" for one in ("train", "test", "probe")]
    assert call(*first.split(), "--dry-run", *small).code == 0


@pytest.mark.slow
def test_it_is_built_strictly_and_asks_nobody_for_anything(tmp_path, process_env):
    pytest.importorskip("material")
    pytest.importorskip("mkdocs_jupyter")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"]
    env = process_env(CLBENCH_RUN_NOTEBOOKS="false", NO_MKDOCS_2_WARNING="1")
    done = subprocess.run(build, cwd=ROOT, env=env, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    outside = (
        r"""<(?:script|img|iframe)[^>]+src="?(?:https?:)?//|<link[^>]+href="?(?:https?:)?//|url\("?(?:https?:)?//"""
    )
    files = [path for path in (tmp_path / "site").rglob("*") if path.suffix in (".html", ".css")]
    assert len(files) > 20
    assert [path.name for path in files if re.search(outside, path.read_text(encoding="utf-8"))] == []
