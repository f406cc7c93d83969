"""A script of somebody who checks types strictly; `test_typed.py` has pyright read it."""

from pathlib import Path

import clbench


class Pull(clbench.Method):
    """A method in a script."""

    def after_step(self, run: clbench.Run) -> None:
        run.note("step", run.step)


def compare(folder: Path) -> float:
    """Two methods, and by how much they differ."""
    results = clbench.run(
        stream="trace:mini", plugin=["sequential", Pull], seeds=2, settings={"protocol": {"epochs": 1}}, runs_dir=folder
    )
    first = results[0]
    numbers: dict[str, float | None] = first.metrics
    texts: list[str] = [one.prediction for one in first.predictions("fomc", row=0)]
    lost: list[clbench.Lost] = first.lost("fomc")
    scored: clbench.Scores = clbench.score("trace/fomc", texts, texts, texts)
    bare = clbench.metrics([[0.5]])
    checked: bool = clbench.check(Pull).passed
    package: Path = clbench.export_method(Pull, folder / "pull")
    again: clbench.Result = clbench.load(first.run, runs_dir=folder)
    clbench.runs(folder)
    clbench.board()
    clbench.compare("pull:sequential", metrics=["op"])
    told = (lost, checked, package, again.costs, scored.roles, first.plot())
    return (numbers["op"] or 0.0) - (bare["op"] or 0.0) + len(told)
