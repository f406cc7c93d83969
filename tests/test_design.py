"""The map of `docs/design.md` is the tree: every room and every file, in the order of the layers."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs/design.md").read_text("utf-8")
PACKAGE = ROOT / "clbench"
LARGEST = 2500  # lines of a room that is still seen at once: split it, or say why not
LARGER: dict[str, int] = {}  # rooms that are larger for a reason, which is said here
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))


def table():
    """Room to the names in its row, in the table's order."""
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", TEXT.split("## The rooms")[1], flags=re.MULTILINE)
    return {room: re.findall(r"`([\w/]+)`", files) for room, files in rows}


def test_every_room_is_in_the_picture():
    picture = re.findall(r"```text\n(.*?)```", TEXT, flags=re.DOTALL)[0]
    assert [room for room in ROOMS if not re.search(rf"\b{room}\b", picture)] == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_rooms_row_names_its_files_and_no_others(room):
    files = {path.stem for path in (PACKAGE / room).glob("*.py")} - {"__init__", "__main__"}
    folders = {f"{path.parent.name}/" for path in (PACKAGE / room).glob("*/__init__.py")}
    named = table()[room]
    assert len(named) == len(set(named))
    assert set(named) == files | folders  # a new file gets a word in its room's row


def test_rows_stand_in_the_order_of_the_layers():
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"][0]
    layers = [level.split(" | ") for level in contract["layers"]]
    assert len(layers) <= 18
    order = list(table())
    assert sorted(order) == ROOMS
    for level in layers:
        here, order = order[: len(level)], order[len(level) :]
        assert sorted(here) == sorted(level)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_goes_in_and_out_and_has_its_tests(room):
    text = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text("utf-8"))) or ""
    assert re.search(r"^In: .+\bOut: ", text, flags=re.DOTALL | re.MULTILINE)
    assert list((ROOT / "tests" / room).glob("test_*.py"))


def test_no_room_grows_out_of_sight():
    """A room within a room is seen by itself."""
    rooms = [path.parent for path in PACKAGE.glob("**/__init__.py") if path.parent.parts[-1] != "clbench"]
    sizes = {
        str(room.relative_to(PACKAGE)): sum(len(path.read_text("utf-8").splitlines()) for path in room.glob("*.py"))
        for room in rooms
    }
    assert {room: size for room, size in sizes.items() if size > LARGER.get(room, LARGEST)} == {}
