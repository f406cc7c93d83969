"""What a run's log tells of its training."""

import json

from clbench.runs.events import NO_CURVE, read_events, training_curve


def written(tmp_path, *events, end=""):
    path = tmp_path / "events.jsonl"
    path.write_text("".join(f"{json.dumps(one)}\n" for one in events) + end, encoding="utf-8")
    return path


def step(number, loss):
    return {"time": 1.0, "event": "step", "step": number, "loss": loss, "learning_rate": 0.1}


def test_steps_and_where_tasks_end(tmp_path):
    trained = {"time": 2.0, "event": "trained", "index": 1, "task": "toy/a", "step": 20}
    found = training_curve(written(tmp_path, {"event": "start"}, step(10, 2.0), step(20, 1.0), trained))
    assert (found.steps, found.losses, found.learning_rates) == ((10, 20), (2.0, 1.0), (0.1, 0.1))
    assert found.tasks == (("toy/a", 20),)


def test_a_step_that_was_made_again_counts_once(tmp_path):
    found = training_curve(written(tmp_path, step(10, 2.0), step(20, 9.0), {"event": "resumed"}, step(20, 1.0)))
    assert (found.steps, found.losses) == ((10, 20), (2.0, 1.0))


def test_lines_that_are_no_events_are_passed_over(tmp_path):
    path = written(tmp_path, step(10, 2.0), [1], {"event": "step", "step": 20}, end='{"event": "st')
    assert len(list(read_events(path))) == 2
    assert training_curve(path).steps == (10,)
    assert training_curve(tmp_path / "none") == NO_CURVE
