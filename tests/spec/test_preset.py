"""Presets: every number has a source, the command line wins, and each shipped one can be planned."""

import pytest

from clbench.base.errors import FileError, OptionError, UnknownNameError
from clbench.engine.request import Request
from clbench.engine.words import choose
from clbench.plugins.registry import registry
from clbench.spec.taskfiles import Catalog

SHIPPED = registry().catalog()


@pytest.mark.parametrize("name", SHIPPED.preset_paths)
def test_every_number_of_a_shipped_preset_has_a_source(name):
    preset = SHIPPED.preset(name)
    assert preset.name == name
    assert all(setting.source.strip() for setting in preset.settings.values())
    assert preset.section("protocol")["learning_rate"] < 1e-2


def test_the_published_numbers():
    lora, mofo = SHIPPED.preset("trace-paper-lora"), SHIPPED.preset("mofo-trace")
    assert lora.section("protocol")["learning_rate"] == 1e-4
    assert (lora.section("lora")["rank"], lora.section("lora")["alpha"]) == (8, 32)
    assert mofo.section("mofo") == {"fraction": 0.05}
    assert "protocol.learning_rate" in mofo.unpublished()
    assert "mofo.fraction" not in mofo.unpublished()


def chosen_of(**words):
    return choose(Request(**words), registry())


def test_the_command_line_wins():
    chosen = chosen_of(preset="mofo-trace", settings={"protocol": {"epochs": 1}}, options={"mofo": {"fraction": 0.2}})
    assert (chosen.stream, chosen.plugins) == ("trace:5000", ("mofo",))
    assert chosen.options == {"mofo": {"fraction": 0.2}}
    assert chosen.settings["protocol"]["epochs"] == 1
    assert chosen.settings["protocol"]["schedule"] == "cosine"
    other = chosen_of(stream="trace:mini", plugin=["sequential"], preset="mofo-trace")
    assert (other.stream, other.plugins, other.options) == ("trace:mini", ("sequential",), {})


def test_a_stream_and_a_method_must_come_from_somewhere():
    with pytest.raises(OptionError, match="--stream is missing; give it, or a --preset"):
        chosen_of(plugin=["mofo"])
    with pytest.raises(OptionError, match="--plugin is missing"):
        chosen_of(stream="trace:mini")
    with pytest.raises(UnknownNameError, match="no preset 'mofo-trase'; did you mean 'mofo-trace'"):
        chosen_of(preset="mofo-trase")


GOOD = {"preset": "mine", "summary": "s", "source": "s", "stream": "trace:mini", "plugin": "mofo"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("{hft.share: {value: 1, source: x}}", "must begin with one of mofo, protocol, stream"),
        ("{protocol.epochs: {value: 1}}", "key 'settings.protocol.epochs.source' is missing"),
        ("{protocol.epochs: 1}", "settings.protocol.epochs"),
        ("{protocol.epochs: {value: 1, source: ''}}", "at least 1 character"),
    ],
)
def test_malformed_presets_are_refused(tmp_path, settings, message):
    path = tmp_path / "mine.yaml"
    path.write_text("\n".join(f"{key}: {value}" for key, value in GOOD.items()) + f"\nsettings: {settings}\n", "utf-8")
    with pytest.raises(FileError, match=message):
        Catalog({}, {}).preset(str(path))


def test_a_preset_of_ones_own_runs(tmp_path, call):
    path = tmp_path / "mine.yaml"
    settings = "{protocol.epochs: {value: 1, source: mine}, sequential.learning_rate: {value: 0.002, source: mine}}"
    text = "\n".join(f"{key}: {value}" for key, value in {**GOOD, "plugin": "sequential"}.items())
    path.write_text(f"{text}\nsettings: {settings}\n", "utf-8")
    planned = call("run", "--preset", path, "--dry-run", "--json")
    assert planned.code == 0, planned.err
    (row,) = planned.json["plan"]
    usual = call("run", "--stream", "trace:mini", "--plugin", "sequential", "--dry-run", "--json").json["plan"][0]
    assert row["steps"] < usual["steps"]
    assert call("validate", path).code == 0


def test_validate_finds_what_a_preset_cannot_set(tmp_path, call):
    path = tmp_path / "mine.yaml"
    for key in ("protocol.epoch", "sequential.rate"):
        text = "\n".join(f"{key}: {value}" for key, value in {**GOOD, "plugin": "sequential"}.items())
        path.write_text(f"{text}\nsettings: {{{key}: {{value: 1, source: mine}}}}\n", "utf-8")
        told = call("validate", path)
        assert told.code == 2
        assert "mine.yaml:6" in told.out
