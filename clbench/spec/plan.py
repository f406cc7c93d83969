"""Plan files: which methods are run on what, how each one's settings are chosen, and what is reported.

`run` and each entry of the methods take every option of `clbench run`, as it is called in Python; the nearer one wins.
Options of methods and settings are written `NAME.key`. `docs/plans.md` has examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from clbench.spec.frozen import Frozen
from clbench.spec.task import Name
from clbench.spec.taskfiles import build, read_yaml

CONSENT = ("allow_code", "allow_task_code", "trust_remote_code")
PLACES = ("runs_dir", "leaderboards_dir", "quiet", "fresh")


def _options(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a file may say: neither what only a person allows, nor where things are on a machine."""
    for name in (*CONSENT, *PLACES):
        if name in value:
            raise ValueError(f"{name}: stands on the command line, and in no file")
    return value


def _sections(value: Any) -> Any:
    """`{mofo.fraction: 0.1}` as `{mofo: {fraction: 0.1}}`; sections stay as they are."""
    if not isinstance(value, Mapping):
        return value
    made: dict[str, Any] = {}
    for key, one in value.items():
        section, dot, name = str(key).partition(".")
        if not (dot or isinstance(one, Mapping)):
            raise ValueError(f"{key}: must be written NAME.key")
        made.setdefault(section, {}).update({name: one} if dot else one)
    return made


def _nested(value: Any) -> Any:
    """Options and settings by section."""
    if not isinstance(value, Mapping):
        return value
    return {key: _sections(one) if key in ("options", "settings") else one for key, one in value.items()}


RunOptions = Annotated[dict[str, Any], BeforeValidator(_nested), AfterValidator(_options)]
Grid = dict[str, Annotated[tuple[Any, ...], Field(min_length=1)]]


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str | int | float) else value


class Search(Frozen):
    """How the settings of each method are chosen: by as many trials for each, on validation records.

    Args:
        grid: values of each option: `learning_rate` is every method's own, `mofo.fraction` that of methods with `mofo`.
        trials: of each method, drawn from its grid; all of it when left out, which must be as large for each.
        seeds: of the trials; none of them may be reported.
        run: options of `clbench run` in which trials differ from what is reported.
        pick: summary of R that chooses, the mean over a trial's seeds.
        floor: least value of other summaries: a trial below one of them is not chosen.
    """

    grid: Grid = {}
    trials: int | None = Field(default=None, ge=1)
    seeds: Annotated[tuple[int, ...], BeforeValidator(_several), Field(min_length=1)] = (100,)
    run: RunOptions = {}
    pick: str = "op"
    floor: dict[str, float] = {}


class Methods(Frozen):
    """Methods that are run alike; further keys are options of `clbench run`.

    Args:
        plugin: as `--plugin` takes it; one or several.
        name: that the plan and its report have for one method with these options, written `as`.
        grid: of these methods, beside the search's; none of both when it is empty: nothing is searched.
        run: options of `clbench run`, written beside `plugin`.
    """

    plugin: Annotated[tuple[str, ...], BeforeValidator(_several), Field(min_length=1)]
    grid: Grid | None = None
    run: RunOptions = {}
    name: Name | None = Field(default=None, alias="as")

    @model_validator(mode="before")
    @classmethod
    def _gathered(cls, value: Any) -> Any:
        """A name alone; and further keys as what they are."""
        if isinstance(value, str):
            return {"plugin": value}
        if not isinstance(value, Mapping):
            return value
        own = {key: one for key, one in value.items() if key in ("plugin", "grid", "as")}
        return {**own, "run": {key: one for key, one in value.items() if key not in own}}

    @model_validator(mode="after")
    def _named_alone(self) -> Self:
        if self.name is not None and not (len(self.plugin) == 1 and self.run.get("options")):
            raise ValueError("as: names one plugin with options of its own")
        return self


class PlanFile(Frozen):
    """What a plan file says.

    Args:
        plan: its name.
        summary: one line for people.
        run: options of `clbench run` that all runs have in common.
        search: how settings are chosen; None: they stand in the plan.
        methods: in the order they are run.
    """

    plan: Name
    summary: str = ""
    run: RunOptions = {}
    search: Search | None = None
    methods: Annotated[tuple[Methods, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_are_told_apart(self) -> Self:
        plugins = {plugin for one in self.methods for plugin in one.plugin}
        known: dict[str, Any] = {}
        for one in (methods for methods in self.methods if methods.name):
            meant = one.plugin, one.run["options"]
            if one.name in plugins or known.setdefault(str(one.name), meant) != meant:
                raise ValueError(f"as: {one.name} is what another method is called")
        return self


def read_plan(path: Path) -> PlanFile:
    """A plan file.

    Raises:
        FileError: it is none; with what is wrong, and where.
    """
    return build(PlanFile, read_yaml(path))
