"""Tables that a script writes into a page, each between a line that names it and the line at its end."""

from collections.abc import Callable, Mapping

END = "<!-- end of what is written -->"


def begin(name: str, *, by: str) -> str:
    """The line before a table, with the script that writes it."""
    return f"<!-- {name}: written by tests/{by}.py -->"


def filled(page: str, tables: Mapping[str, Callable[[], str]], *, by: str) -> str:
    """A page with its tables made again.

    Raises:
        LookupError: a table has no line before it.
    """
    for name, table in tables.items():
        before, mark, rest = page.partition(begin(name, by=by))
        if not mark:
            raise LookupError(f"no line {begin(name, by=by)}")
        page = f"{before}{mark}\n\n{table()}\n\n{END}{rest.partition(END)[2]}"
    return page
