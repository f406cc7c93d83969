"""The page in a real browser: its console is silent, nothing is asked of elsewhere, it fits screens and paper.

Needs Chromium (`apt-get install chromium`), and skips without it.
"""

import dataclasses
import re
import shutil
import subprocess

import pytest

from clbench.boards.lost import Lost
from clbench.metrics.summaries import SUMMARIES
from clbench.report import of_record, render
from clbench.runs.events import TrainingCurve

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")]
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
INJECTED = '<img src="http://127.0.0.1:9/x.png" onerror="console.log(\'ran\')"><script>console.log("ran")</script>'


@pytest.fixture(scope="module")
def pages(tmp_path_factory, make_record):
    """One run with everything, and fifteen."""
    folder = tmp_path_factory.mktemp("pages")
    lost = {"toy/a": [Lost(INJECTED, "yes", "yes", INJECTED, 1.0, 0.0)] * 3}
    curve = TrainingCurve((1, 2, 3), (3.0, 2.0, 1.0), (0.1, 0.1, 0.0), (("toy/a", 2), ("toy/b", 3)))

    def subject(method, seed):
        record = make_record(
            method,
            seed=seed,
            probes={"probes/facts": [0.8, 0.7, 0.4], "probes/text": [1.5, 1.7, 2.25]},
            drift={"relative_l2": 0.02, "blocks": {"layers.0": 0.01}},
            notes={method: {INJECTED: INJECTED}},
        )
        return dataclasses.replace(of_record(record, curve=curve), lost=lost)

    subjects = [subject(method, seed) for method in ("sequential", "mofo", "hft") for seed in range(5)]
    for name, shown in {"one": subjects[:1], "fifteen": subjects}.items():
        (folder / f"{name}.html").write_text(render(shown, summaries=SUMMARIES), encoding="utf-8")
    return folder


@pytest.fixture
def browse(tmp_path):
    """Opens a page and gives what its console and its network said."""

    def browse(page, *flags):
        log = tmp_path / "net.json"
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", "--v=0"]
        done = subprocess.run(
            [*command, f"--log-net-log={log}", *flags, page.as_uri()], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr[-500:]
        return re.findall(r"CONSOLE.*", done.stderr), log.read_text(errors="replace") if log.is_file() else ""

    return browse


def test_the_console_is_silent_and_nothing_is_asked_of_elsewhere(browse, pages, tmp_path):
    for name in ("one", "fifteen"):
        console, network = browse(pages / f"{name}.html", f"--screenshot={tmp_path / 'x.png'}")
        assert console == []
        assert "127.0.0.1:9" not in network


@pytest.mark.parametrize("width", [400, 800, 1400])
def test_no_part_is_wider_than_the_screen(browse, pages, tmp_path, width):
    """The page itself measures: a copy says its own width, which a script of ours reads."""
    copy = tmp_path / "copy.html"
    measure = "document.title = document.documentElement.scrollWidth"
    text = (pages / "fifteen.html").read_text("utf-8")
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    text = text.replace("<body>", f'<body onload="{measure}">')
    copy.write_text(text, encoding="utf-8")
    # a headless window has a least width of its own; a frame has not
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<body style="margin:0"><iframe src="copy.html" style="border:0;width:{width}px;height:900px"></iframe>'
        "<script>onload = () => setTimeout(() => { document.body.dataset.wide = "
        "document.querySelector('iframe').contentDocument.documentElement.scrollWidth }, 300)</script></body>",
        encoding="utf-8",
    )
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'p'}", "--allow-file-access-from-files"]
    done = subprocess.run(
        [*command, "--virtual-time-budget=3000", "--dump-dom", frame.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    (found,) = re.findall(r'data-wide="(\d+)"', done.stdout)
    assert int(found) <= width


def test_fifteen_runs_print_on_few_pages(browse, pages, tmp_path):
    paper = tmp_path / "x.pdf"
    browse(pages / "fifteen.html", f"--print-to-pdf={paper}", "--no-pdf-header-footer")
    assert len(re.findall(rb"/Type\s*/Page[^s]", paper.read_bytes())) <= 6
