"""The notebooks run from a fresh kernel; a cell that is interrupted and run again ends with the same result."""

import json
import time
from pathlib import Path

import nbformat
import pytest
import small
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient

import clbench

FOLDER = Path(__file__).parent.parent / "docs" / "notebooks"
NAMES = sorted(path.name for path in FOLDER.glob("*.ipynb"))
PATIENCE = 600  # seconds of one cell on a busy machine; on an idle one a whole notebook takes less than a minute

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture
def jupyter(home, tmp_path, monkeypatch, process_env):
    """Folders of Jupyter's own that are nobody's, and a place to work in."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    for name, value in process_env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return home


def read(name):
    return nbformat.read(FOLDER / name, as_version=4)


def test_they_are_all_there():
    assert NAMES == ["a-method.ipynb", "first-run.ipynb", "reading-a-board.ipynb", "what-was-forgotten.ipynb"]


@pytest.mark.parametrize("name", NAMES)
def test_they_are_stored_without_outputs_and_begin_with_one_line_that_installs(name):
    notebook = read(name)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
    assert "widgets" not in notebook.metadata
    assert cells[0].source.startswith("%pip install ")
    assert "\n" not in cells[0].source
    assert cells[0].metadata.tags == ["skip-execution"]
    assert notebook.cells[0].source.startswith("# ")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if name != "first-run.ipynb" else []) for name in NAMES]
)
def test_a_notebook_runs_from_a_fresh_kernel(name, jupyter):
    notebook = read(name)
    NotebookClient(notebook, timeout=PATIENCE, kernel_name="python3").execute()
    outputs = [one for cell in notebook.cells if cell.cell_type == "code" for one in cell.outputs]
    said = "".join(one.text for one in outputs if one.output_type == "stream" and one.name == "stderr")
    assert said == "", "progress is one output that is drawn anew, and nothing else is said"
    bars = [one for one in outputs if "run 1 of" in one.get("data", {}).get("text/plain", "")]
    assert len(bars) <= 2
    assert all("<progress" not in one.data["text/html"] for one in bars), "a saved notebook keeps the last line"


# --- interrupted


class Kernel:
    """A kernel that a test talks to."""

    def __init__(self):
        self.manager, self.client = start_new_kernel(kernel_name="python3")

    def begin(self, code):
        """Start a cell; gives its number."""
        return self.client.execute(code)

    def end(self, number):
        """How a cell ended."""
        while True:
            reply = self.client.get_shell_msg(timeout=120)
            if reply["parent_header"].get("msg_id") == number:
                return reply["content"]

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(jupyter):
    kernel = Kernel()
    yield kernel
    kernel.close()


def wait_for(folder, kind):
    """Until a run in this folder has come so far; gives its folder."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        for path in folder.glob("*/events.jsonl"):
            events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            if any(one["event"] == kind for one in events):
                return path.parent
        time.sleep(0.02)
    raise AssertionError(f"no {kind!r}")


@pytest.mark.long
@pytest.mark.slow
def test_a_cell_that_is_interrupted_and_run_again_ends_as_if_it_had_not_been(kernel, llama, tmp_path, monkeypatch):
    stream = small.write_stream(tmp_path / "stream", tasks=small.STREAM_TASKS[:2], epochs=400)
    asked = {"stream": str(stream), "model": str(llama), "plugin": "sequential"}
    code = f"import clbench\nresult = clbench.run(**{asked!r}).result"
    cell = kernel.begin(code)
    run = wait_for(tmp_path / "home" / "runs", "step")
    kernel.manager.interrupt_kernel()
    ended = kernel.end(cell)
    assert (ended["status"], ended["ename"]) == ("error", "KeyboardInterrupt")
    assert "is saved" in ended["evalue"]
    assert json.loads((run / "run.json").read_text(encoding="utf-8"))["status"] == "interrupted"
    assert kernel.end(kernel.begin(code))["status"] == "ok"
    assert "resumed" in (run / "events.jsonl").read_text(encoding="utf-8")
    again = clbench.load(run)
    monkeypatch.setenv("CLBENCH_HOME", str(tmp_path / "undisturbed"))
    assert clbench.run(**asked).result.matrix == again.matrix
