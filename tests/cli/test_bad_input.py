"""Bad input through the command line: exit code 2, one clear line that names the place, and nothing written."""

import json
import shutil

import pytest
import small


def run(*more, stream="own/mine.yaml", plugin="sequential", model="model"):
    return ["run", "--stream", stream, "--plugin", plugin, "--model", model, *more]


def edited(name, old, new):
    """Changes the text of a file; None makes it empty, or takes it away."""

    def prepare(folder):
        path = folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return prepare


def written(name, content):
    def prepare(folder):
        (folder / name).write_text(content, encoding="utf-8")

    return prepare


def removed(name):
    def prepare(folder):
        (folder / name).unlink()

    return prepare


def nothing(folder):
    pass


ROWS = '{"matrix": [[NaN, 0], [0, 1]]}'
CASES = {
    # names
    "unknown stream": (nothing, run(stream="trcae"), "no stream 'trcae'; did you mean 'trace'?"),
    "unknown stream file": (nothing, run(stream="other.yaml"), "other.yaml: cannot be read (No such file"),
    "unknown variant": (nothing, run(stream="trace:50"), "no variant of stream trace '50'; did you mean '500'"),
    "missing variant": (nothing, run(stream="trace:5000"), "`clbench data add trace PATH`"),
    "unknown method": (nothing, run(plugin="sequentiel"), "no method 'sequentiel'; did you mean 'sequential'?"),
    "unknown method in a sum": (nothing, run(plugin="frozen+mofoo"), "no method 'mofoo'"),
    "a method twice": (nothing, run(plugin="joint+joint"), "'joint' stands twice"),
    "methods that cannot go together": (nothing, run(plugin="joint+single"), "'joint' and 'single' cannot be combined"),
    "unknown order": (nothing, run("--order", "order3"), "no order 'order3'; did you mean 'order1'?"),
    "unknown task in an order": (
        nothing,
        run("--order", "word,numbre,stance"),
        "no task 'numbre'; did you mean 'number",
    ),
    "a task missing in an order": (nothing, run("--order", "word,number"), "each of the 3 tasks exactly once"),
    # options
    "option without a value": (nothing, run("-o", "sequential.learning_rate"), "must be of the form NAME.key=value"),
    "option of another method": (nothing, run("-o", "sequentil.learning_rate=1"), "did you mean 'sequential'?"),
    "unknown option": (nothing, run("-o", "sequential.learning_rat=1"), "did you mean 'learning_rate'?"),
    "bad value": (nothing, run("-o", "sequential.learning_rate=fast"), "-o sequential.learning_rate: "),
    "value out of range": (nothing, run("-o", "sequential.learning_rate=-1"), "greater than 0 (got -1)"),
    "value that is no number": (nothing, run("-o", "sequential.learning_rate=nan"), "-o sequential.learning_rate: "),
    "option twice": (
        nothing,
        run("-o", "sequential.learning_rate=1", "-o", "sequential.learning_rate=2"),
        "sequential.learning_rate is set twice",
    ),
    "unknown section": (
        nothing,
        run("--set", "protocl.epochs=1"),
        "--set protocl.…: no such section; did you mean 'pro",
    ),
    "unknown protocol key": (nothing, run("--set", "protocol.epoch=1"), "did you mean 'epochs'?"),
    "unknown stream key": (nothing, run("--set", "stream.test_example=1"), "no such key; did you mean 'test_examples'"),
    "unknown runtime key": (nothing, run("--set", "runtime.microbatch=1"), "did you mean 'micro_batch'?"),
    "bad protocol value": (nothing, run("--set", "protocol.precision=fp8"), "protocol.precision: "),
    "no epochs": (nothing, run("--set", "protocol.epochs=0"), "protocol.epochs"),
    "unknown budget": (nothing, run("--set", "protocol.epochs=paper"), "task 'own/word' has no 'paper'"),
    "bad stream value": (nothing, run("--set", "stream.train_examples=none of them"), "stream.train_examples: "),
    "bad runtime value": (nothing, run("--set", "runtime.micro_batch=0"), "--set runtime.micro_batch: "),
    "seed and seeds": (nothing, run("--seed", "1", "--seeds", "3"), "--seed and --seeds cannot both be given"),
    "order and orders": (nothing, run("--order", "order1", "--orders", "2"), "--order and --orders cannot both"),
    "no seeds": (nothing, run("--seeds", "0"), "--seeds at least 1"),
    "a seed twice": (nothing, run("--seed", "1", "--seed", "1"), "each seed once"),
    "a negative seed": (nothing, run("--seed", "-1"), "--seed must be 0 or more"),
    "no plugin": (nothing, ["run", "--stream", "trace"], "--plugin is missing; give it, or a --preset"),
    "unknown flag": (nothing, run("--plugins", "frozen"), "No such option: --plugins"),
    # stream files
    "malformed YAML": (edited("own/mine.yaml", "tasks:", "tasks: ["), run(), "own/mine.yaml:"),
    "unknown YAML key": (
        edited("own/mine.yaml", "tasks:", "taks: 1\ntasks:"),
        run(),
        "mine.yaml:2: unknown key 'taks'",
    ),
    "unknown key in a task": (edited("own/mine.yaml", "scorers:", "scorer:"), run(), "unknown key 'scorer'"),
    "unknown scorer": (edited("own/mine.yaml", "strict: fuzz_levenshtein", "strict: fuzz"), run(), "no scorer 'fuzz'"),
    "malformed JSONL": (
        edited("own/number.train.jsonl", '"answer"', "answer"),
        run(),
        "own/number.train.jsonl:1: malformed JSON",
    ),
    "a record without an answer": (
        written("own/stance.test.jsonl", '{"prompt": "p", "answer": "a"}\n{"prompt": "p"}\n'),
        run(),
        "own/stance.test.jsonl:2: has no 'answer'; the file's first record has prompt and answer",
    ),
    "a file of unknown columns": (
        written("own/stance.test.jsonl", '{"text": "p", "label": 1}\n'),
        run(),
        "own/stance.test.jsonl:1: the columns 'text, label' are none of prompt/answer, prompt/completion, ",
    ),
    "a key twice in a record": (
        written("own/word.train.jsonl", '{"prompt": "p", "answer": "a", "answer": "b"}\n'),
        run(),
        "own/word.train.jsonl:1: the key 'answer' stands twice in an object",
    ),
    "a conversation without an answer": (
        written("own/word.train.jsonl", '{"messages": [{"role": "user", "content": "p"}]}\n'),
        run(),
        "own/word.train.jsonl:1: messages: must be a list of at least two turns",
    ),
    "a table with a row too short": (
        written("own/word.train.jsonl", "prompt,answer\np\n"),
        run(),
        "own/word.train.jsonl:1: malformed JSON: it begins with 'prompt,answer'; files are read as .json, .jsonl, .csv",
    ),
    "an empty answer to train on": (
        written("own/word.train.jsonl", '{"prompt": "p", "answer": ""}\n'),
        run(),
        "'own/word': training record 1 has an empty answer",
    ),
    "missing records": (removed("own/word.test.jsonl"), run(), "own/word.test.jsonl: cannot be read"),
    # models
    "model that is a file": (nothing, run(model="./own/mine.yaml"), "./own/mine.yaml: is no folder"),
    "folder without a model": (nothing, run(model="own"), "own: is no model folder: config.json is missing"),
    "damaged configuration": (written("model/config.json", "{"), run(), "model/config.json: cannot be read as JSON"),
    "model without weights": (removed("model/model.safetensors"), run(), "model: holds no *.safetensors weights"),
    "damaged weights": (written("model/model.safetensors", "no tensors"), run(), "cannot be read as weights"),
    "model without tokenizer": (removed("model/tokenizer.json"), run(), "its tokenizer cannot be loaded"),
    "unknown Hub model": (nothing, run(model="nobody/has-this"), "neither a local folder nor to be had from the Hub"),
    # folders
    "unwritable runs": (nothing, run("--runs-dir", "file/runs"), "file/runs: cannot be written"),
    "unwritable boards": (nothing, run("--leaderboards-dir", "file/boards"), "file/boards: cannot be written"),
    # other commands
    "NaN where a score is needed": (written("r.json", ROWS), ["metrics", "r.json"], "row 1, column 1: NaN"),
    "no matrix": (nothing, ["metrics", "r.json"], "r.json: cannot be read"),
    "unknown run": (nothing, ["show", "trace"], "no run 'trace'"),
    "unknown run to score": (nothing, ["score", "trace"], "no run 'trace'"),
    "nothing to score": (nothing, ["score"], "give either a RUN, or --task NAME"),
    "unknown task to score": (
        written("p.jsonl", "{}"),
        ["score", "--task", "trace/fomk", "--predictions", "p.jsonl"],
        "no task 'trace/fomk'; did you mean 'trace/fomc'?",
    ),
    "bad predictions": (
        written("p.jsonl", '{"prediction": "A", "answer": "A"}\n{"prediction": "A"}\n'),
        ["score", "--task", "trace/fomc", "--predictions", "p.jsonl"],
        "p.jsonl:2: needs the keys",
    ),
}
WHEN_LOADING = ("model without tokenizer",)


@pytest.fixture
def place(tmp_path, home, llama, monkeypatch):
    """A folder with a good stream and a good model, from which the commands are given."""
    folder = tmp_path / "place"
    small.write_stream(folder / "own")
    shutil.copytree(llama, folder / "model")
    (folder / "file").touch()
    monkeypatch.chdir(folder)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return folder


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_one_line_and_leaves_nothing(place, home, call, case):
    prepare, arguments, complaint = CASES[case]
    prepare(place)
    before = small.files_below(place)
    done = call(*arguments)
    assert done.code == 2, done.err
    assert complaint in done.err
    lines = done.err.splitlines()
    assert lines[-1].startswith("error: ")
    assert "Traceback" not in done.err
    assert "a bug" not in done.err
    assert small.files_below(place) == before
    if case in WHEN_LOADING:  # the run has begun, and its directory says why it ended
        assert len(lines) == 2
        (state,) = (json.loads(path.read_text(encoding="utf-8")) for path in home.rglob("run.json"))
        assert state["status"] == "failed"
        assert state["error"] in lines[-1]
        assert not list(home.rglob("*.md"))
    else:
        assert done.out == "" or case.startswith("unwritable")
        assert len(lines) == 1
        assert not small.files_below(home)


def test_the_good_input_that_the_cases_spoil_runs(place, call):
    done = call(*run("--dry-run", "--json"))
    assert done.json["plan"][0]["steps"] == 12


@pytest.mark.slow
def test_a_damaged_model_is_one_line_in_a_process_of_its_own(place, run_cli):
    """Whatever the libraries write to standard error on their own."""
    (place / "model" / "model.safetensors").write_text("no tensors")
    done = run_cli(*run("--quiet"), cwd=place)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: model/model.safetensors: cannot be read as weights")
