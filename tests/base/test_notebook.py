"""Progress in a notebook: one output that is replaced, of which one harmless line is left."""

import sys
from types import SimpleNamespace

from clbench.base import notebook
from clbench.base.notebook import NotebookProgress
from clbench.base.progress import Place, make_progress


def watched():
    """What is displayed, and what replaces it."""
    shown = []

    def display(text, markup):
        shown.append((text, markup))
        return lambda text, markup: shown.append((text, markup))

    return shown, NotebookProgress(display)


def test_one_output_holds_all_bars_and_ends_as_a_line(monkeypatch):
    monkeypatch.setattr(notebook, "SECONDS", 0)
    shown, progress = watched()
    for number in (1, 2):
        with progress.run(Place(f"run-{number}", number, 2, 3)), progress.shown():
            progress.say("something to know")
            with progress.task("train 1/1 <b>", total=2):
                progress.advance(note="loss <i>")
    texts = [text for text, _ in shown]
    second = "train 1/1 <b> 1/2, 0:00:00 left; run 0/3, 0:00:00 left; whole 1/2, 0:00:00 left"
    assert second in texts
    assert any("0:00:00 gone</td>" in markup and "0:00:00 left</td>" in markup for _, markup in shown)
    assert texts[-1].startswith("run 2 of 2 done after ")
    assert all("<b>" not in markup and "<i>" not in markup for _, markup in shown)
    assert sum("<progress" in markup for _, markup in shown[-1:]) == 0


def test_it_is_drawn_a_few_times_a_second_at_most():
    shown, progress = watched()
    with progress.run(Place("run", 1, 1, 1)), progress.task("train", total=10_000):
        for _ in range(10_000):
            progress.advance()
    assert len(shown) < 20


def test_a_run_that_was_stopped_says_so():
    shown, progress = watched()
    try:
        with progress.run(Place("run", 1, 1, 1)):
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert shown[-1][0].startswith("run 1 of 1 stopped after ")


def test_a_notebook_is_told_from_a_terminal(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=1)))
    assert isinstance(make_progress(lines=False), NotebookProgress)
    assert not isinstance(make_progress(), NotebookProgress)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=SimpleNamespace))
    assert notebook.display() is None
    monkeypatch.delitem(sys.modules, "IPython")
    assert notebook.display() is None
