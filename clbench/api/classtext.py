"""A class as a module of its own: its text, and that of all it uses from where it was defined.

So a method of a notebook's cell can be kept in a record, told from its next version, and made a package. What it uses
is found in the compiler's own table of names: modules and their members become import statements, constants
assignments; functions and classes of the same place are taken along.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import symtable
import sys
import textwrap
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from clbench.base.errors import PluginError, short

_CONSTANTS = (bool, int, float, str, bytes, type(None))
Definition = type | types.FunctionType
Import = tuple[str, str, str]
"""Module, name in it (none for the module itself), and what it is called here."""


def class_text(cls: type) -> str:
    """The module that a class would be.

    Raises:
        PluginError: its source cannot be read, or it uses something that is no import, function, class or constant.
    """
    parts = _Parts(cls.__name__, cls.__module__, _namespace(cls))
    parts.define(cls)
    blocks = [_import_block(parts.imports), "\n".join(sorted(parts.constants)), *parts.definitions.values()]
    return "\n\n\n".join(block for block in blocks if block) + "\n"


def _namespace(cls: type) -> Mapping[str, Any]:
    """The globals of the place where a class was defined."""
    function = next(_functions(cls), None)
    return function.__globals__ if function else vars(sys.modules.get(cls.__module__, builtins))


def _functions(cls: type) -> Iterator[types.FunctionType]:
    """What was written inside a class."""
    for value in vars(cls).values():
        found = inspect.unwrap(getattr(value, "fget", None) or getattr(value, "__func__", None) or value)
        if isinstance(found, types.FunctionType) and found.__qualname__.startswith(f"{cls.__qualname__}."):
            yield found


@dataclass(slots=True)
class _Parts:
    """The parts of the module, as they are found.

    Args:
        owner: the class, for complaints.
        module: where it was defined.
        namespace: globals of that place.
    """

    owner: str
    module: str
    namespace: Mapping[str, Any]
    imports: set[Import] = field(default_factory=set)
    constants: set[str] = field(default_factory=set)
    definitions: dict[str, str] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)

    def define(self, one: Definition) -> None:
        """Take the source of a class or function, after those that it needs."""
        self.begun.add(one.__name__)
        text = source_of(one)
        for name in sorted(_globals(symtable.symtable(text, self.owner, "exec")) - self.begun):
            if name in self.namespace:
                self.take(name, self.namespace[name])
        self.definitions[one.__name__] = text

    def take(self, name: str, value: Any) -> None:
        """Whatever a name stands for."""
        if isinstance(value, types.ModuleType):
            self.imports.add((value.__name__, "", name))
        elif isinstance(value, Definition) and value.__module__ == self.module and value.__name__ == name:
            self.define(value)
        elif place := _place(value, but=self.module):
            self.imports.add((*place, name))
        elif _is_constant(value):
            self.constants.add(f"{name} = {value!r}")
        else:
            raise PluginError(
                f"class {self.owner}: uses {name} = {short(value)} from outside, which is no import, function, class "
                "or constant; make it an attribute or an option of the class"
            )


def _place(value: Any, *, but: str) -> tuple[str, str] | None:
    """Module and name by which others can import a value: of several the outermost, which is the public one."""
    module, name = getattr(value, "__module__", None), getattr(value, "__name__", None) or getattr(value, "_name", None)
    if not (isinstance(module, str) and isinstance(name, str)) or module in (but, "__main__"):
        return None
    parts = module.split(".")
    outer = (".".join(parts[:size]) for size in range(1, len(parts) + 1))
    return next(((one, name) for one in outer if getattr(sys.modules.get(one), name, None) is value), None)


def _import_block(imports: Iterable[Import]) -> str:
    """Import statements, the standard library's before the others."""
    groups: dict[bool, list[str]] = {True: [], False: []}
    whole = sorted((module, name) for module, member, name in imports if not member)
    for module, name in whole:
        groups[_is_standard(module)].append(f"import {module}" + ("" if module == name else f" as {name}"))
    for module in sorted({module for module, member, _ in imports if member}):
        members = sorted((member, name) for one, member, name in imports if one == module and member)
        listed = ", ".join(member if member == name else f"{member} as {name}" for member, name in members)
        groups[_is_standard(module)].append(f"from {module} import {listed}")
    return "\n\n".join("\n".join(lines) for lines in groups.values() if lines)


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def _is_constant(value: Any) -> bool:
    if isinstance(value, tuple | frozenset):
        return all(map(_is_constant, value))
    return type(value) in _CONSTANTS and value == value  # noqa: PLR0124 (not a number has no name)


def _globals(table: symtable.SymbolTable) -> set[str]:
    """The names that a text takes from around it; in a class body also those that it gives a name of its own."""
    kind = str(table.get_type()).rpartition(".")[2].lower()
    own = {
        one.get_name()
        for one in table.get_symbols()
        if one.is_referenced() and (one.is_global() or (kind != "function" and not one.is_free()))
    }
    return own.union(*map(_globals, table.get_children())) - set(dir(builtins))


# --- source ----------------------------------------------------------------------------------------------------------


def source_of(one: Definition) -> str:
    """The text of a class or function, as it stands where it was defined.

    Raises:
        PluginError: it cannot be found, or needs variables of a function around it.
    """
    functions = [one] if isinstance(one, types.FunctionType) else list(_functions(one))
    free = sorted({name for each in functions for name in each.__code__.co_freevars} - {"__class__"})
    if free:
        raise PluginError(f"{one.__qualname__}: uses {free[0]} of the function around it; define it outside")
    files = [each.__code__.co_filename for each in functions[:1]]
    texts = ["".join(linecache.getlines(name)) for name in files] if files else list(_where_defined(one))
    for text in texts:
        if found := _segment(text, one.__name__, line=functions[0].__code__.co_firstlineno if functions else None):
            return found
    raise PluginError(f"{one.__qualname__}: its source cannot be read; define it in a notebook's cell or in a file")


def _where_defined(one: Definition) -> Iterator[str]:
    """Texts in which a class without functions may stand, the likeliest first: a notebook's cells, then its file."""
    module = sys.modules.get(one.__module__)
    yield from reversed([text for text in getattr(module, "In", ()) if isinstance(text, str)])
    if name := getattr(module, "__file__", None):
        yield "".join(linecache.getlines(name))


def _segment(text: str, name: str, *, line: int | None) -> str:
    """The last definition of a name in a text; with a line the one around it."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return ""
    lines, found = text.splitlines(), ""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            if line is None or first <= line <= (node.end_lineno or first):
                found = textwrap.dedent("\n".join(lines[first - 1 : node.end_lineno]))
    return found
