"""The public surface as a page, read from the sources: `python tests/surface.py` writes `docs/api.md`.

What is public is listed in `clbench/__init__.py`; a line's text is the first sentence of the name's docstring. Nothing
of what is described is imported, so torch stays unloaded.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import clbench

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "api.md"
HOOKS = "clbench.plugins.hookspecs"
HEAD = """\
# Public names

What a package or a script may import from clbench; [python](python.md) has the library by what it is for. Names are
added here, and what is here changes only with `API_VERSION`; everything else may move in any release. The list stands
in `clbench/__init__.py`, the texts are the docstrings' first sentences, and `python tests/surface.py` writes this page.
"""
WORDINGS = {"Request": "clbench.engine.request", "Query": "clbench.forgetting.query"}
Definition = ast.ClassDef | ast.FunctionDef


def public() -> set[tuple[str, str]]:
    """Every public (module, name): where it is imported from, and where a name of `clbench` itself stands."""
    own = {("clbench", name) for name in ("API_VERSION", *clbench._PUBLIC)}
    elsewhere = {(module, name) for module, names in clbench._PUBLIC_ELSEWHERE.items() for name in names}
    return own | elsewhere | {(module, name) for name, module in clbench._PUBLIC.items()}


def page() -> str:
    """`docs/api.md`."""
    places = {"API_VERSION": "clbench", **clbench._PUBLIC}
    own = [line for name in sorted(places, key=str.casefold) for line in lines(places[name], name)]
    parts = [HEAD, section("`from clbench import …`", own)]
    for module, names in clbench._PUBLIC_ELSEWHERE.items():
        title = f"`from {module} import …`"
        parts.append(section(title, [line for name in names for line in lines(module, name)]))
    hooks = [name for name in statements(HOOKS) if name.startswith("clbench_")]
    text = "Functions that a package marks with `@clbench.hookimpl`; `docs/hooks.md` has their kinds."
    parts.append(section("Hooks", [line for name in hooks for line in lines(HOOKS, name)], text=text))
    return "\n".join(parts)


def section(title: str, rows: list[tuple[str, str]], *, text: str = "") -> str:
    """A heading and its table."""
    table = ["| name | |", "| --- | --- |", *(f"| `{name}` | {said} |" for name, said in rows)]
    return "\n".join([f"## {title}", "", *([text, ""] if text else []), *table, ""])


def lines(module: str, name: str) -> Iterator[tuple[str, str]]:
    """A name with its first sentence, and those of a class's public methods."""
    node, following = statements(module)[name]
    if not isinstance(node, Definition):
        yield name, sentence(documented(following), name)
        return
    yield called(node), sentence(ast.get_docstring(node), name)
    if isinstance(node, ast.ClassDef):
        for part in node.body:
            if isinstance(part, ast.FunctionDef) and not part.name.startswith("_"):
                yield f"{name}.{called(part)}", sentence(ast.get_docstring(part), f"{name}.{part.name}")


def statements(module: str) -> dict[str, tuple[ast.stmt, ast.stmt | None]]:
    """Every name that a module defines, with its statement and the one after it."""
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    body = ast.parse(file.read_text("utf-8")).body
    found = {}
    for node, following in zip(body, [*body[1:], None], strict=True):
        targets = node.targets if isinstance(node, ast.Assign) else []
        for target in (node, *targets):
            name = getattr(target, "name", getattr(target, "id", None))
            if isinstance(name, str):
                found[name] = (node, following)
    return found


def documented(node: ast.stmt | None) -> str | None:
    """The text below an assignment."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return node.value.value
    return None


def called(node: Definition) -> str:
    """A function with its arguments' names; a class with its name alone."""
    if isinstance(node, ast.ClassDef):
        return node.name
    if any(isinstance(one, ast.Name) and one.id == "property" for one in node.decorator_list):
        return node.name
    for one in node.decorator_list:
        if isinstance(one, ast.Call) and getattr(one.func, "id", "") == "_taking":
            (wording,) = one.args
            assert isinstance(wording, ast.Name)
            own = [arg.arg for arg in node.args.args[1:]]
            return f"{node.name}({', '.join([*own, '*', *fields(WORDINGS[wording.id], wording.id)])})"
    plain = [one.arg for one in node.args.args if one.arg not in ("self", "cls")]
    star = f"*{node.args.vararg.arg}" if node.args.vararg else "*"
    named = [one.arg for one in node.args.kwonlyargs]
    return f"{node.name}({', '.join([*plain, *([star] if named or node.args.vararg else []), *named])})"


def fields(module: str, name: str) -> Iterator[str]:
    """What a model's constructor takes: its fields, by their aliases where they have one."""
    node, _ = statements(module)[name]
    assert isinstance(node, ast.ClassDef)
    for part in node.body:
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            given = part.value.keywords if isinstance(part.value, ast.Call) else []
            yield next((ast.literal_eval(one.value) for one in given if one.arg == "alias"), part.target.id)


def sentence(text: str | None, name: str) -> str:
    """The first sentence of a docstring, on one line."""
    if not text:
        raise ValueError(f"{name} is public and has no docstring")
    first = " ".join(text.strip().split("\n\n")[0].split())
    return re.split(r"(?<=\.)\s", first)[0].rstrip(".").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
