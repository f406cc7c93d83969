"""One request: everything checked first, then run by run, each with its row before the next begins."""

import dataclasses
import os
import re
import shutil
from types import SimpleNamespace

import pytest
import small
from probing import write_choice

from clbench.base.errors import ClbenchError, OptionError, RunError
from clbench.engine.carrying import against
from clbench.engine.fixed import find_devices
from clbench.engine.proberequest import ProbeRequest
from clbench.engine.session import prepare
from clbench.methods.method import Method
from clbench.methods.methodspec import MethodSpec
from clbench.plans.plan import of_request
from clbench.plugins.registry import registry
from clbench.runs.boardcopy import compact
from clbench.runs.record import read_record
from clbench.spec.protocol import Runtime


@pytest.fixture
def stream(tmp_path):
    return small.write_stream(tmp_path / "stream", tasks=small.STREAM_TASKS[:2], epochs=1)


@pytest.fixture
def run(stream, llama, home):
    def run(methods="sequential", **changes):
        return small.run_stream(stream, methods, model=llama, home=home, **changes)

    return run


def rows(home):
    """The rows of all boards: method and number of runs."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in (home / "leaderboards").glob("*.md"))
    found = re.findall(
        r"^\| ((?:sequential|frozen|fail)[^|]*?) +\| +(\d+)(?: [^\d|]*)?\|", text.replace("\\", ""), re.MULTILINE
    )
    return sorted((method, int(number)) for method, number in found)


def test_runs_go_method_by_method_order_by_order_seed_by_seed(stream, llama, home):
    request = small.make_request(
        stream, ["joint", "sequential", "joint"], model=llama, home=home, seeds=(3, 0), orders=(None, "number,word")
    )
    configs = prepare(request, registry())
    assert [(one.choice.name, one.plan.order[:6], one.seed) for one in configs] == [
        (method, order, seed) for method in ("joint", "sequential") for order in ("order1", "order-") for seed in (3, 0)
    ]
    for config in configs:
        assert [one.task.name for one in config.data] == [task.name for task in config.plan.tasks]
    assert len({config.board().hash for config in configs}) == 1
    assert len({config.run_id(config.choice.create({})) for config in configs}) == 8


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"method": "sequentia"}, "no method 'sequentia'; did you mean 'sequential'"),
        ({"method": ["frozen", "joint+single"]}, "'joint' and 'single' cannot be combined"),
        ({"options": {"joint": {}}}, "no method 'joint' in this run"),
        ({"options": {"sequential": {"rate": 1}}}, r"-o sequential\.rate"),
        ({"orders": ("word",)}, "no order 'word'"),
        ({"orders": (None, "word,word")}, "exactly once"),
        ({"variant": "500"}, "no variant of stream mine '500'"),
        ({"protocol": {"epoch": 1}}, "did you mean 'epochs'"),
        ({"caps": {"train_example": 1}}, "did you mean 'train_examples'"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_is_written(stream, llama, home, changes, complaint):
    method = changes.pop("method", "sequential")
    with pytest.raises(ClbenchError, match=complaint):
        small.run_stream(stream, method, model=llama, home=home, **changes)
    assert not list(home.iterdir())


@pytest.mark.parametrize("elsewhere", [False, True])
def test_files_of_an_own_stream_lie_beside_it_or_below_the_data_folder(stream, llama, home, tmp_path, elsewhere):
    data = tmp_path / "data"
    data.mkdir()
    if elsewhere:
        for path in stream.parent.glob("*.jsonl"):
            path.rename(data / path.name)
    config = prepare(small.make_request(stream, "sequential", model=llama, home=home, data=data), registry())[0]
    assert config.plan.base_dir == (data if elsewhere else stream.parent)
    assert len(config.data[0].train) == 6


def test_every_run_gets_its_row(run, home):
    outcomes = run(["sequential", "frozen"], seeds=(0, 1))
    assert len(outcomes) == 4
    assert rows(home) == [("frozen", 2), ("sequential", 2)]
    for outcome in outcomes:
        published = outcome.record.path(home / "leaderboards")
        assert read_record(outcome.run_dir.record_path) == outcome.record
        assert read_record(published) == compact.compacted(outcome.record)


def test_a_finished_run_is_not_run_again_unless_asked_for(run, home):
    (first,) = run()
    files = {path: path.stat().st_mtime_ns for path in small.files_below(home / "runs")}
    board = {path: path.read_bytes() for path in small.files_below(home / "leaderboards")}
    (second,) = run()
    assert (first.repeated, second.repeated) == (False, True)
    assert second.record == first.record
    assert {path: path.stat().st_mtime_ns for path in small.files_below(home / "runs")} == files
    assert {path: path.read_bytes() for path in small.files_below(home / "leaderboards")} == board
    (third,) = run(fresh=True)
    assert not third.repeated
    assert third.record.scores == first.record.scores
    assert third.run_dir == first.run_dir
    assert first.run_dir.record_path.stat().st_mtime_ns != files[first.run_dir.record_path]


def test_a_finished_runs_row_comes_back_to_a_board_that_was_lost(run, home):
    run()
    for path in small.files_below(home / "leaderboards"):
        path.unlink()
    (again,) = run()
    assert again.repeated
    assert rows(home) == [("sequential", 1)]


def test_another_seed_or_option_is_another_run_on_the_same_board(run, home):
    run()
    run(seeds=(1,))
    run(options={"sequential": {"learning_rate": 1e-3}})
    assert len(list((home / "runs").iterdir())) == 3
    assert rows(home) == [("sequential", 2), ("sequential (learning_rate=0.001)", 1)]


def test_another_setting_is_another_board(run, home):
    run()
    run(protocol={"epochs": 2})
    run(caps={"test_examples": 2})
    assert len(list((home / "leaderboards").glob("*.md"))) == 3


class Fail(Method):
    """Cannot train."""

    def before_experience(self, run, experience):
        raise RunError("out of luck")


def test_runs_that_ended_before_a_failing_one_keep_their_rows(run, home):
    lab = small.registry_with(MethodSpec(name="fail", target=f"{__name__}:Fail", summary="for a test"))
    with pytest.raises(RunError, match="out of luck"):
        run(["sequential", "fail", "frozen"], lab=lab)
    assert rows(home) == [("sequential", 1)]


@pytest.mark.parametrize("option", ["runs_dir", "leaderboards_dir"])
def test_an_unwritable_folder_is_found_before_the_run(stream, llama, home, tmp_path, option):
    (tmp_path / "file").touch()
    request = small.make_request(stream, "sequential", model=llama, home=home)
    object.__setattr__(request, option, tmp_path / "file" / "below")
    lab = registry()
    with pytest.raises(ClbenchError, match=rf"cannot be written .*--{option.replace('_', '-')}"):
        small.run_plan(of_request(request), lab)
    assert not small.files_below(home)


def test_only_the_first_of_several_processes_writes(run, home, monkeypatch):
    monkeypatch.setitem(os.environ, "RANK", "1")
    (outcome,) = run("frozen")
    assert outcome.record.costs.steps == 0
    assert not small.files_below(home)


def test_what_was_run_without_a_probe_is_run_again_with_it(run, home, tmp_path):
    """Also where both stand on one board, as with probes of the invented world."""
    quiz = str(write_choice(tmp_path / "quiz"))
    seen = []
    for names in ((), ("facts",), (quiz,), (quiz, "facts")):
        (outcome,) = run("frozen", probes=ProbeRequest(names, 3))
        seen.append((outcome.repeated, sorted(outcome.record.probes)))
    assert seen == [
        (False, []),
        (False, ["probes/facts"]),
        (False, ["own/quiz"]),
        (False, ["own/quiz", "probes/facts"]),
    ]
    (again,) = run("frozen", probes=ProbeRequest((quiz,), 3))
    assert again.repeated
    assert len(list((home / "leaderboards").glob("*.md"))) == 2


def test_a_model_whose_cache_does_not_serve_is_said_once_in_the_record(run, tmp_path, monkeypatch):
    from clbench.evaluation import likelihood

    def fails(*args, **how):
        raise TypeError("no such cache")

    monkeypatch.setattr(likelihood, "scores", fails)
    (outcome,) = run(probes=ProbeRequest((str(write_choice(tmp_path / "quiz")),), None, "every"))
    warnings = {text: count for text, count in outcome.record.warnings.items() if text.startswith("likelihoods")}
    assert warnings == {"likelihoods without the model's cache, which is slower (TypeError: no such cache)": 1}


def test_rows_of_validation_records_stand_on_a_board_of_their_own(run, home):
    (plain,) = run()
    (held,) = run(split="eval")
    assert plain.record.board.name.startswith("mine_")
    assert held.record.board.name.startswith("mine-eval_")
    assert held.record.board.split == "eval"
    assert held.record.run.startswith("mine-eval_")
    text = (home / "leaderboards" / f"{held.record.board.name}.md").read_text("utf-8")
    assert "Scored on: validation records, to choose settings by; no result" in text
    (public,) = (path for path in (home / "leaderboards").glob("*.md") if "-eval_" not in path.name)
    assert "validation" not in public.read_text("utf-8")
    assert not (set(held.record.predictions.values()) & set(plain.record.predictions.values()))


def test_a_command_runs_what_it_asks_for_though_a_board_has_it_and_says_whether_it_is_the_same(run, home):
    """As in a clone, whose records come from another machine."""
    (first,) = run()
    path = first.record.path(home / "leaderboards")
    shutil.rmtree(first.run_dir.path)
    (again,) = run()
    assert not again.repeated
    assert against(again.record, path).endswith("scores and predictions are those of its record on the board")
    scores = dict.fromkeys(first.record.scores, ((0.5,) * 2,) * 3)
    compact.save(first.record.model_copy(update={"scores": scores}), path)
    said = against(again.record, path)
    assert "are not those of its record on the board (cpu capability" in said
    odd = first.record.model_copy(update={"scores": scores, "provenance": {"arithmetic": "unknown"}})
    compact.save(odd, path)
    assert "(where, it does not say)" in against(again.record, path)
    path.write_text("{}")
    assert against(again.record, path) is None


def test_compiling_in_several_processes_is_refused_before_a_model_is_loaded(stream, llama, home, monkeypatch):
    several = SimpleNamespace(distributed_type="MULTI_CPU", num_processes=2)
    monkeypatch.setattr("clbench.models.device.make_accelerator", lambda device: several)
    (config,) = prepare(small.make_request(stream, "sequential", model=llama, home=home), registry())
    assert find_devices(config).accelerator is several
    with pytest.raises(OptionError, match=r"runtime\.compile: is for one process"):
        find_devices(dataclasses.replace(config, runtime=Runtime(compile=True)))
