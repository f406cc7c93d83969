"""Each hook is documented with its arguments; the list is what DESIGN promises."""

import inspect
from pathlib import Path

import pluggy
import pytest

from clbench.plugins import hookspecs

MARK = f"{hookspecs.PROJECT}_spec"
HOOKS = {name: hook for name, hook in vars(hookspecs).items() if hasattr(hook, MARK)}
DOCS = Path(__file__).parent.parent.parent / "docs" / "hooks.md"
REGISTRATION = {"methods", "streams", "task_dirs", "metrics", "summaries", "commands"}
RESOLUTION = {"load_model", "load_dataset", "load_probe", "render_board"}
OBSERVATION = {
    "run_start", "run_end", "run_error", "experience_start", "experience_end", "step_end", "eval_end", "result_saved"
}  # fmt: skip


def test_hooks_are_those_of_the_contract():
    assert {name.removeprefix("clbench_") for name in HOOKS} >= REGISTRATION | RESOLUTION | OBSERVATION
    first = {name.removeprefix("clbench_") for name, hook in HOOKS.items() if getattr(hook, MARK)["firstresult"]}
    assert first == RESOLUTION


@pytest.mark.parametrize("name", HOOKS)
def test_hook_says_what_it_is_for(name):
    hook = HOOKS[name]
    assert len((hook.__doc__ or "").split()) >= 3
    assert all(parameter.annotation is not inspect.Parameter.empty for parameter in _parameters(hook).values())


@pytest.mark.parametrize("name", HOOKS)
def test_docs_have_the_hook_with_its_arguments(name):
    assert f"`{name}({', '.join(_parameters(HOOKS[name]))})`" in DOCS.read_text(encoding="utf-8")


def _parameters(hook):
    return inspect.signature(hook).parameters


def test_docs_have_no_other_hook():
    import re

    named = set(re.findall(r"`(clbench_\w+)\(", DOCS.read_text(encoding="utf-8")))
    assert named == set(HOOKS)


def test_an_argument_can_be_left_out_by_an_implementation():
    class Plugin:
        @hookspecs.hookimpl
        def clbench_step_end(self, loss):
            return loss

    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(Plugin())
    manager.check_pending()
    told = {"run_id": "r", "step": 1, "loss": 0.5, "learning_rate": 1e-3, "tokens": 10, "gradient_norm": 2.0}
    assert manager.hook.clbench_step_end(**told) == [0.5]
