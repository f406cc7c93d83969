"""A record's JSON written shorter: what follows from the rest of it is left out, and nothing is lost. Pure.

`short` and `long` are each other's inverse where the content allows it; who writes tries (`compact`).

- A method's options are those that are not its defaults.
- Lenient scores are what they add to strict ones.
- A standard error is left out, column by column, where it is that of answers that are right or wrong; a lenient one
  also where it is the strict one.
- A ceiling of 1 is its number of records; warnings that end alike stand together.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from clbench.metrics.uncertainty import binomial_error
from clbench.runs.boardcopy.common import same

SCORE_DIGITS, ERROR_DIGITS = 6, 4  # decimals of a compact record's scores and standard errors
MARK = "shorthand"
FORM = 2
Column = Sequence[float | None]
_FULL = {"strict": 1.0, "lenient": 1.0}


def short(content: Mapping[str, Any]) -> dict[str, Any]:
    """The short form of a record's content, from which defaults are left out already."""
    done = {MARK: FORM, **content, "method": _method(content["method"]), "scores": _gain(content["scores"])}
    if "errors" in content:
        done["errors"] = {role: _unlike(content, role) for role in content["errors"]}
    if "probe_errors" in content:
        found = content["probe_errors"]
        done["probe_errors"] = {one: column for one, column in found.items() if column != _probe_errors(content, one)}
    if "ceilings" in content:
        done["ceilings"] = {name: _bare(one) for name, one in content["ceilings"].items()}
    if "warnings" in content:
        done["warnings"] = _grouped(content["warnings"])
    return done


def long(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content again.

    Raises:
        ValueError: it is of another form; KeyError, TypeError, AttributeError, IndexError: it is no record's.
    """
    done = dict(content)
    if (form := done.pop(MARK)) != FORM:
        raise ValueError(f"is of form {form!r}, which this version of clbench does not know; take a newer one")
    defaults = done["method"].get("defaults", {})
    own = done["method"].get("options", {})
    options = {name: {**known, **own.get(name, {})} for name, known in defaults.items()}
    done["method"] = {**done["method"], "options": {**own, **options}}
    done["scores"] = _with_gain(done["scores"])
    done["ceilings"] = {name: _whole(one) for name, one in done.get("ceilings", {}).items()}
    if "errors" in done:
        done["errors"] = {role: _rows(done, role) for role in done["errors"]}
    if "probe_errors" in done:
        found = done["probe_errors"]
        done["probe_errors"] = {name: found.get(name) or _probe_errors(done, name) for name in done["probes"]}
    done["warnings"] = dict(_single(done.get("warnings", {})))
    return done


# --- options


def _method(method: Mapping[str, Any]) -> dict[str, Any]:
    """Without options that are the defaults; whole where their order would be lost."""
    options, defaults = method["options"], method["defaults"]
    if [*options] != [*defaults] or any([*own] != [*defaults[name]] for name, own in options.items()):
        return {**method}
    own = {name: {k: v for k, v in all_.items() if not same(v, defaults[name][k])} for name, all_ in options.items()}
    return {**method, "options": {name: changed for name, changed in own.items() if changed}}


# --- scores


def _gain(scores: Mapping[str, Any]) -> dict[str, Any]:
    strict, lenient = scores.get("strict"), scores.get("lenient")
    if strict is None or lenient is None:
        return {**scores}
    return {"strict": strict, "gain": _each(strict, lenient, lambda old, new: round(new - old, SCORE_DIGITS) or 0)}


def _with_gain(scores: Mapping[str, Any]) -> dict[str, Any]:
    if "gain" not in scores:
        return {**scores}
    strict = scores["strict"]
    return {"strict": strict, "lenient": _each(strict, scores["gain"], lambda old, new: round(old + new, SCORE_DIGITS))}


def _each(rows: Any, others: Any, combine: Any) -> list[list[float | None]]:
    return [
        [None if one is None or other is None else combine(one, other) for one, other in zip(row, cells, strict=True)]
        for row, cells in zip(rows, others, strict=True)
    ]


# --- standard errors


def _errors(column: Column, ceiling: Mapping[str, Any] | None) -> list[float | None]:
    """Of a column whose answers are right or wrong; none where their number is not known, as of a loss."""
    records = ceiling["records"] if ceiling else 1
    found = [binomial_error(one, records) if one is not None and 0 <= one <= 1 else None for one in column]
    return [None if one is None else round(one, ERROR_DIGITS) for one in found]


def _unlike(content: Mapping[str, Any], role: str) -> dict[str, Column]:
    """By task the columns that no rule gives."""
    found = _columns(content["tasks"], content["errors"][role])
    known = _known(content, role, _columns(content["tasks"], content["errors"].get("strict", ())))
    return {task: column for task, column in found.items() if column != known[task]}


def _rows(content: Mapping[str, Any], role: str) -> list[list[float | None]]:
    stated = content["errors"]
    strict = _known(content, "strict", {}, but=stated["strict"]) | dict(stated["strict"]) if "strict" in stated else {}
    found = _known(content, role, strict, but=stated[role]) | dict(stated[role])
    return [list(row) for row in zip(*(found[task] for task in content["tasks"]), strict=True)]


def _known(
    content: Mapping[str, Any], role: str, strict: Mapping[str, Column], *, but: Container[str] = ()
) -> dict[str, Column]:
    """By task the errors that follow from a role's scores: of right or wrong answers, or those of equal strict ones.

    Args:
        content: of a record.
        role: whose errors.
        strict: errors under the strict role, by task.
        but: tasks that are not asked for.
    """
    tasks, scores = content["tasks"], content["scores"]
    columns, ruled = _columns(tasks, scores[role]), _columns(tasks, scores.get("strict", ()))
    return {
        task: strict[task]
        if role != "strict" and task in strict and column == ruled[task]
        else _errors(column, content.get("ceilings", {}).get(task))
        for task, column in columns.items()
        if task not in but
    }


def _columns(tasks: Sequence[str], rows: Sequence[Column]) -> dict[str, list[float | None]]:
    """Of a matrix, by task; none where it has no row."""
    return {task: list(column) for task, column in zip(tasks, zip(*rows, strict=True), strict=bool(rows))}


def _probe_errors(content: Mapping[str, Any], name: str) -> list[float | None]:
    return _errors(content["probes"][name], content.get("ceilings", {}).get(name))


# --- ceilings and warnings


def _bare(ceiling: Mapping[str, Any]) -> Mapping[str, Any] | int:
    return ceiling["records"] if ceiling == {"scores": _FULL, "records": ceiling["records"]} else ceiling


def _whole(ceiling: Any) -> Any:
    return {"scores": _FULL, "records": ceiling} if isinstance(ceiling, int) else ceiling


def _grouped(warnings: Mapping[str, int]) -> dict[str, Any]:
    """`{"what happened": {"task": 3}}` for `{"task: what happened": 3}`, where it happened to several."""
    groups: dict[str, dict[str, int]] = {}
    for text, number in warnings.items():
        name, _, what = text.partition(": ")
        groups.setdefault(what, {})[name] = number
    alone = {text: number for text, number in warnings.items() if len(groups[text.partition(": ")[2]]) == 1}
    return {**alone, **{what: found for what, found in groups.items() if what and len(found) > 1}}


def _single(warnings: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for what, found in warnings.items():
        if isinstance(found, Mapping):
            yield from ((f"{name}: {what}", number) for name, number in found.items())
        else:
            yield what, found
