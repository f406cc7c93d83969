"""Names to specs: who has a name, who would have it, and what is said to those who misspell it."""

import json
from types import SimpleNamespace

import pytest

from clbench.base.errors import FileError, OptionError, PluginError, UnknownNameError
from clbench.methods.compose import Compose
from clbench.methods.method import MethodOptions
from clbench.methods.methodspec import MethodSpec
from clbench.metrics.summaries import SummarySpec
from clbench.plugins.hookspecs import hookimpl
from clbench.plugins.manager import PluginRecord, load_plugins
from clbench.plugins.registry import Registry, check_option_names
from clbench.scoring.spec import ScorerSpec

SEQUENTIAL = "clbench.methods.sequential:Sequential"


@pytest.fixture
def make(clear_registry, monkeypatch):
    """A registry of clbench itself and plugins that are given as name to {hook: what it yields}."""

    def make(**given):
        monkeypatch.setattr("clbench.plugins.manager.entry_points", lambda group: [])
        plugins = load_plugins()
        for name, hooks in given.items():
            module = SimpleNamespace()
            for hook, items in hooks.items():
                setattr(module, f"clbench_{hook}", _implementation(f"clbench_{hook}", items))
            plugins.add(PluginRecord(name, f"clbench-{name}", "1.0", name))
            plugins.manager.register(module, name=name)
        return Registry(plugins)

    return make


def _implementation(hook, items):
    def implementation():
        yield from items

    implementation.__name__ = hook
    return hookimpl(implementation)


def method(name, target=SEQUENTIAL, **changes):
    return MethodSpec(name, target, "…", **changes)


def test_clbench_itself_has_the_methods_that_any_table_needs(make):
    registry = make()
    assert list(registry.methods.entries) == ["sequential", "joint", "single", "frozen"]
    for name, entry in registry.methods.entries.items():
        assert registry.composition(name).create({}).options == MethodOptions()
        assert entry.plugin.package == "clbench"


def test_every_scorer_and_task_that_is_shipped_can_be_named(make):
    registry = make()
    for name in registry.catalog().task_paths:
        task = registry.catalog().task(name)
        for scorer in (*task.scorers.pairs().values(), *task.side):
            assert registry.scorer(scorer).name == scorer


def test_a_package_registers_everything(installed):
    registry = installed("clbench-example")
    assert registry.scorer("example_first_word").target == "clbench_example.scoring:first_word"
    assert "worst.example" in [spec.name for spec in registry.summary_specs()]
    loaded = registry.catalog().stream("example")
    assert list(loaded.tasks) == ["example/echo"]
    assert loaded.tasks["example/echo"].scorers.strict == "example_first_word"


# --- unknown and misspelt


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sequental", "no method 'sequental'; did you mean 'sequential'?"),
        ("Joint", "no method 'Joint'; did you mean 'joint'?"),
        ("xyz", "no method 'xyz'; there is frozen, joint, sequential, single"),
        ("joint+xyz", "no method 'xyz'; there is"),
        ("", "no method ''; there is"),
        ("joint+", "no method ''; there is"),
    ],
)
def test_unknown_method(make, text, message):
    with pytest.raises(UnknownNameError) as caught:
        make().composition(text)
    assert message in str(caught.value)


def test_unknown_scorer(make):
    with pytest.raises(UnknownNameError, match="no scorer 'rouge'; did you mean 'rouge_l'"):
        make().scorer("rouge")


def test_unknown_name_tells_what_did_not_load(make):
    """A broken package's methods are not known, so any unknown name may be one of them."""
    registry = make(family={"methods": [method("one"), "not a spec"]})
    with pytest.raises(UnknownNameError) as caught:
        registry.method("one")
    assert "no method 'one'" in str(caught.value)
    assert "plugin family (clbench-family 1.0) did not load: clbench_methods gave 'not a spec'" in str(caught.value)


# --- one name, two owners


@pytest.mark.parametrize("name", ["example", "sequential"])
def test_duplicate_method_names_both_packages(installed, name):
    registry = installed("clbench-example", "clbench-duplicate")
    first = "clbench-example 1.0" if name == "example" else "clbench "
    with pytest.raises(PluginError) as caught:
        registry.method(name)
    message = str(caught.value)
    assert message.startswith(f"method {name!r} is claimed by ")
    assert first in message
    assert "clbench-duplicate 1.0" in message
    assert "CLBENCH_DISABLE_PLUGINS=" in message
    assert registry.method("joint").plugin.package == "clbench"


def test_three_claims_name_all_three(make):
    registry = make(**{name: {"methods": [method("mine")]} for name in "abc"})
    with pytest.raises(PluginError, match=r"a \(clbench-a 1\.0\) and b \(clbench-b 1\.0\) and c \(clbench-c 1\.0\)"):
        registry.method("mine")


@pytest.mark.parametrize(
    ("hook", "spec"),
    [
        ("metrics", ScorerSpec("exact", "clbench.scoring.accuracy:exact", "…")),
        ("summaries", SummarySpec("op", "clbench.metrics.definitions.performance:op", True, "…")),
    ],
    ids=["scorer", "summary"],
)
def test_scorers_and_summaries_cannot_be_replaced_in_silence(make, hook, spec):
    registry = make(mine={hook: [spec]})
    with pytest.raises(PluginError, match=rf"'{spec.name}' is claimed by clbench .* and mine \(clbench-mine 1.0\)"):
        registry.scorer(spec.name) if hook == "metrics" else registry.summary_specs()


def test_a_stream_cannot_be_replaced_in_silence(make, tmp_path):
    path = tmp_path / "trace.yaml"
    path.write_text("stream: trace\n")
    with pytest.raises(FileError, match="the name 'trace' is taken by"):
        make(mine={"streams": [path]}).catalog()


# --- what plugins may not give


@pytest.mark.parametrize(
    ("hook", "item", "reason"),
    [
        ("methods", {"name": "x"}, "not a MethodSpec"),
        ("methods", None, "not a MethodSpec"),
        ("methods", method(3), "TypeError"),
        ("methods", method("Mine"), "must be lower-case"),
        ("methods", method("mine", capabilities=[["owns_optimizer"]]), "TypeError"),
        ("methods", method("mine", requires_api=2), "needs plugin API 2"),
        ("metrics", SummarySpec("x", "m:f", True, "…"), "not a ScorerSpec"),
        ("summaries", "op", "not a SummarySpec"),
        ("task_dirs", "/some/text", "not a Path"),
        ("streams", 3, "not a Path"),
    ],
    ids=str,
)
def test_unusable_item_breaks_its_plugin_and_no_other(make, hook, item, reason):
    hooks = {"methods": [method("good")]}
    hooks[hook] = [*hooks.get(hook, []), item]
    registry = make(bad=hooks, other={"methods": [method("other")]})
    (broken,) = registry.broken
    assert broken.name == "bad"
    assert broken.error.startswith(f"clbench_{hook} gave ")
    assert reason in broken.error
    assert "good" not in registry.methods.entries  # all of a plugin, or nothing
    assert registry.method("other").plugin.name == "other"
    assert registry.catalog().stream("trace").stream.name == "trace"


def test_folder_of_tasks_that_is_not_there_breaks_its_plugin(make, tmp_path):
    (broken,) = make(bad={"task_dirs": [tmp_path / "nothing"]}).broken
    assert broken.error.endswith("there is no such file or folder")


def test_broken_plugin_takes_nobodys_name(make):
    registry = make(bad={"methods": [method("joint"), "not a spec"]})
    assert registry.method("joint").plugin.name == "clbench"


# --- chosen methods and their options


def test_composition_creates_each_member_with_its_options(installed):
    choice = installed("clbench-example").composition("example + example-optimizer")
    assert (choice.name, choice.regime) == ("example+example-optimizer", "sequential")
    made = choice.create({"example": {"strength": 0.25}, "mofo": {"fraction": 9}})
    assert isinstance(made, Compose)
    assert choice.options(made) == {
        "example": {"learning_rate": None, "strength": 0.25},
        "example-optimizer": {"learning_rate": None},
    }
    json.dumps(choice.options(made))


def test_one_method_is_not_composed(installed):
    choice = installed("clbench-example").composition("example")
    made = choice.create({})
    assert type(made).__name__ == "Example"
    assert choice.options(made) == {"example": {"learning_rate": None, "strength": 0.5}}


def test_composition_is_checked_before_anything_is_imported(make):
    owner = frozenset({"owns_optimizer"})
    names = [method(name, "not_there:X", capabilities=owner) for name in ("one", "two")]
    registry = make(mine={"methods": names})
    with pytest.raises(OptionError, match=r"one\+two: 'one' and 'two' cannot be combined"):
        registry.composition("one+two")


def test_options_of_a_method_that_does_not_run_are_refused(make):
    choices = [make().composition("sequential")]
    check_option_names({"sequential": {}}, choices)
    with pytest.raises(OptionError, match=r"-o sequentia\.…: no method 'sequentia' in this run; did you mean 'seq"):
        check_option_names({"sequentia": {}}, choices)
