"""Presets: the settings of a published experiment, each number with its source, as YAML files.

`clbench run --preset NAME` takes stream, method, options and protocol from it; what stands on the command line wins.
A number that no publication states is marked `published: false`, and says what was chosen instead and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from clbench.spec.task import Frozen, Name


class Setting(Frozen):
    """One number.

    Args:
        value: of the setting.
        source: paper, table, appendix or script that states it; or why this value, where nobody does.
        published: whether somebody does.
    """

    value: Any
    source: str = Field(min_length=1)
    published: bool = True


class Preset(Frozen):
    """What a preset file says.

    Args:
        preset: its name.
        summary: one line for people.
        source: paper or repository.
        stream: `NAME` or `NAME:VARIANT`.
        plugin: method, or methods joined by `+`.
        model: the model of the publication; not taken over, for it may be neither here nor fit the machine.
        settings: `protocol.key` or `METHOD.key` to its value and source.
    """

    preset: Name
    summary: str
    source: str
    stream: str
    plugin: str
    model: Setting | None = None
    settings: dict[str, Setting] = {}

    @model_validator(mode="after")
    def _settings_have_places(self) -> Preset:
        places = {"protocol", "stream", *self.plugin.split("+")}
        for key in self.settings:
            section, dot, name = key.partition(".")
            if not dot or not name or section not in places:
                raise ValueError(f"settings.{key}: must begin with one of {', '.join(sorted(places))}")
        return self

    @property
    def name(self) -> str:
        """The preset's name."""
        return self.preset

    def section(self, name: str) -> dict[str, Any]:
        """The settings of `protocol`, `stream` or a method, without their sources."""
        return {key.partition(".")[2]: one.value for key, one in self.settings.items() if key.partition(".")[0] == name}

    def under(
        self, given: Mapping[str, Mapping[str, Any]], *, sections: tuple[str, ...]
    ) -> dict[str, Mapping[str, Any]]:
        """The user's settings over these.

        Args:
            given: of the command line, by section.
            sections: those to fill in: `protocol` and `stream`, or the methods of the run.
        """
        filled = {name: {**self.section(name), **given.get(name, {})} for name in sections}
        return {**given, **{name: values for name, values in filled.items() if values}}

    def unpublished(self) -> list[str]:
        """Keys of the numbers that nobody has published."""
        return [key for key, setting in self.settings.items() if not setting.published]
