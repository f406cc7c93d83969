"""A small model in a folder, an empty home, and runs of a small stream."""

import pytest
import small


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Folder of a small Llama."""
    tokenizer = small.byte_level()
    return small.save(tmp_path_factory.mktemp("models") / "small-llama", small.make_llama(len(tokenizer)), tokenizer)


@pytest.fixture
def run(tmp_path, monkeypatch, folder):
    """Runs methods on a stream of three tasks, and gives the outcome."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("CLBENCH_HOME", str(home))
    stream = small.write_stream(tmp_path / "stream")

    def run(method, **changes):
        (outcome,) = small.run_stream(stream, method, model=folder, home=home, **changes)
        return outcome

    return run
