"""What the tests of the training half share: models that train in milliseconds, a stream of three tasks, the CLI."""

import copy
import json
import os
import random
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from clbench.cli import main
from clbench.data.example import Example

if not Path("/dev/nvidiactl").exists():  # Triton's kernels are tested by its interpreter, which is chosen at its import
    os.environ.setdefault("TRITON_INTERPRET", "1")

TEXTS = [
    "Solve the following math problem.\nQuestion:\nTom has 17 apples and eats 4.\nAnswer:13",
    "Repeat the word.\nWord:\nhawk dove neutral budget council\nAgain:",
    "判断以下文本对指定对象的态度，选择一项：A.支持，B.反对，C.中立。\n对象：",
    "<s> import os <EOL> def f ( x ) : <EOL> return x <EOL>",
]
SPECIAL = ["<pad>", "<s>", "</s>"]


# --- tokenizers and models --------------------------------------------------------------------------------------------


def byte_level(*, adds_bos: bool = False) -> Any:
    """A byte-level BPE tokenizer; with `adds_bos` it puts a beginning-of-text token before every text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS * 3, trainer)
    if adds_bos:
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return wrapped(tokenizer)


def metaspace() -> Any:
    """A sentencepiece-like BPE tokenizer as Llama 2 has it: dummy prefix, single digits apart, bytes as fallback."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    words = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    digits = pre_tokenizers.Split(Regex(r"[0-9]"), "isolated")
    rough = Tokenizer(models.BPE(unk_token="<unk>"))
    rough.pre_tokenizer = pre_tokenizers.Sequence([words, digits])
    trainer = trainers.BpeTrainer(vocab_size=160, special_tokens=["<unk>", *SPECIAL], show_progress=False)
    rough.train_from_iterator(TEXTS * 3, trainer)
    model = json.loads(rough.to_str())["model"]
    for byte in range(256):
        model["vocab"].setdefault(f"<0x{byte:02X}>", len(model["vocab"]))
    merges = [tuple(pair) for pair in model["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab=model["vocab"], merges=merges, unk_token="<unk>", byte_fallback=True))
    tokenizer.pre_tokenizer = rough.pre_tokenizer
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return wrapped(tokenizer)


def wrapped(tokenizer: Any, **special: str) -> Any:
    """A tokenizer of the `tokenizers` library as transformers has it."""
    from transformers import PreTrainedTokenizerFast

    names = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", **special}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=100_000, **names)


def make_llama(vocabulary: int, *, seed: int = 0, width: int = 32, inner: int = 48) -> Any:
    """A random Llama of two layers whose greedy answers differ from prompt to prompt."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=width,
            intermediate_size=inner,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=2048,
            initializer_range=0.3,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
        )
    )


def make_gpt2(vocabulary: int) -> Any:
    """A random GPT-2: learned positions, biases, tied embeddings, dropout."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=vocabulary,
            n_positions=512,
            n_embd=32,
            n_layer=2,
            n_head=2,
            initializer_range=0.3,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
        )
    )


def save(folder: Path, model: Any, tokenizer: Any) -> Path:
    """A model folder as `--model` takes it."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a small Llama with a byte-level tokenizer."""
    tokenizer = byte_level()
    return save(tmp_path_factory.mktemp("models") / "small-llama", make_llama(len(tokenizer)), tokenizer)


@pytest.fixture(scope="session")
def bos_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a small Llama whose tokenizer begins every text with a token of its own."""
    tokenizer = byte_level(adds_bos=True)
    return save(tmp_path_factory.mktemp("models") / "bos-llama", make_llama(len(tokenizer)), tokenizer)


@pytest.fixture(scope="session")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a small GPT-2."""
    tokenizer = byte_level()
    return save(tmp_path_factory.mktemp("models") / "small-gpt2", make_gpt2(len(tokenizer)), tokenizer)


# --- examples and streams ---------------------------------------------------------------------------------------------


def examples(number: int, *, task: str = "own/word", seed: int = 0) -> list[Example]:
    """Examples of unlike lengths."""
    rng = random.Random(f"{task} {seed}")
    words = ["hawk", "dove", "neutral", "budget", "council", "17", "4", "支持"]
    made = []
    for _ in range(number):
        said = " ".join(rng.choices(words, k=rng.randint(1, 9)))
        made.append(Example(task, f"Repeat the word.\nWord:\n{said}\nAgain:", said[: rng.randint(1, 12)]))
    return made


STREAM_TASKS = ("own/word", "own/number", "own/stance")
TASK = {"scorers": {"strict": "fuzz_levenshtein", "lenient": "exact"}, "max_new_tokens": 6}
PROTOCOL = {
    "learning_rate": 3e-3,
    "epochs": 2,
    "global_batch": 4,
    "max_prompt_tokens": 64,
    "max_answer_tokens": 8,
}


def write_stream(
    folder: Path, *, train: int = 6, test: int = 3, tasks: Sequence[str] = STREAM_TASKS, **protocol: Any
) -> Path:
    """A user's own stream: YAML, and JSONL files beside it."""
    import yaml

    inline = {}
    folder.mkdir(parents=True, exist_ok=True)
    for task in tasks:
        name = task.rpartition("/")[2]
        for split, size in (("train", train), ("test", test)):
            write_jsonl(folder / f"{name}.{split}.jsonl", examples(size, task=task, seed=len(split)))
        inline[task] = {
            "data": {"files": {"train": f"{name}.train.jsonl", "test": f"{name}.test.jsonl"}},
            **copy.deepcopy(TASK),  # YAML would write an alias
        }
    path = folder / "mine.yaml"
    path.write_text(
        yaml.safe_dump({"stream": "mine", "tasks": inline, "protocol": PROTOCOL | protocol}, sort_keys=False),
        encoding="utf-8",
    )
    return path


def write_jsonl(path: Path, records: Sequence[Example]) -> None:
    """A record a line."""
    lines = [json.dumps({"prompt": one.prompt, "answer": one.answer}, ensure_ascii=False) for one in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_archive(folder: Path, *, variant: str = "500", size: int = 4) -> Path:
    """A folder in the official archive's layout, of generated records; returns the variant's folder."""
    from clbench.data import mini
    from clbench.data.archives.trace import FOLDERS

    root = folder / FOLDERS[variant]
    for task, form in TRACE_FORMS.items():
        for split in ("train", "eval", "test"):
            records = mini.records(form, split=split, size=size)
            path = root / task / f"{split}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
    return root


TRACE_FORMS = {
    "C-STANCE": "c-stance",
    "FOMC": "fomc",
    "MeetingBank": "meetingbank",
    "Py150": "py150",
    "ScienceQA": "scienceqa",
    "NumGLUE-cm": "numglue-cm",
    "NumGLUE-ds": "numglue-ds",
    "20Minuten": "20minuten",
}


def zip_folder(folder: Path, path: Path) -> Path:
    """A zip of all files of a folder, with their paths from its parent."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(files_below(folder)):
            archive.write(file, file.relative_to(folder.parent))
    return path


def write_wheel(folder: Path, name: str, *, version: str, files: Mapping[str, bytes]) -> Path:
    """A package that pip installs, of files by their paths."""
    stem = f"{name.replace('-', '_')}-{version}"
    info = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "".join(f"{one},,\n" for one in files),
    }
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in {**files, **{f"{stem}.dist-info/{one}": text for one, text in info.items()}}.items():
            archive.writestr(member, content)
    return path


# --- the trainer without a runner -------------------------------------------------------------------------------------


@dataclass
class Log:
    """What a trainer told: the losses and learning rates of its steps."""

    losses: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    def __call__(self, told: Any) -> None:
        assert told.step == len(self.losses) + 1
        assert told.tokens > 0
        self.losses.append(told.loss)
        self.rates.append(told.learning_rate)


def make_trainer(
    folder: Path,
    *,
    method: Any = None,
    seed: int = 0,
    runtime: Mapping[str, Any] | None = None,
    planned_steps: int = 0,
    accelerator: Any = None,
    padding: Any = None,
    **protocol: Any,
) -> Any:
    """A prepared trainer on the CPU; `trainer.on_step` is its Log. Without `padding` nothing is packed."""
    from accelerate import Accelerator

    from clbench.data.tokenising import make_encoder
    from clbench.evaluation.answering import Trained
    from clbench.evaluation.evaluator import Evaluator
    from clbench.methods.method import Method, Run
    from clbench.models.bearing.padding import Padding
    from clbench.models.loading import describe, load_model
    from clbench.plugins.registry import registry
    from clbench.spec.protocol import Protocol, Runtime
    from clbench.spec.task import Task
    from clbench.training.batching import Batching
    from clbench.training.losses import Losses
    from clbench.training.trainer import Trainer

    how = Protocol.model_validate(PROTOCOL | protocol)
    speed = Runtime.model_validate({"device": "cpu"} | dict(runtime or {}))
    accelerator = accelerator or Accelerator(cpu=True)
    loaded = load_model(describe(str(folder)), device="cpu", runtime=speed)
    method = method or Method()
    encoder = make_encoder(loaded.tokenizer, how)
    model = method.prepare_model(loaded.model)
    batching = Batching(model, encoder.pad, how, speed, accelerator.device, padding=padding or Padding())
    losses = Losses(model, encoder=encoder, protocol=how, device=accelerator.device, batching=batching)
    evaluator = Evaluator(accelerator, encoder, how, speed)
    asked = [Task.model_validate({"task": name, "data": {}, **TASK}) for name in STREAM_TASKS]
    run = Run(
        seed=seed,
        protocol=how,
        num_experiences=1,
        device=accelerator.device,
        model=model,
        loss=losses.loss,
        gradients=losses.gradients,
        tokenizer=loaded.tokenizer,
        answering=Trained(evaluator, losses, {one.name: one for one in asked}, registry().scorer),
    )
    trainer = Trainer(
        accelerator=accelerator,
        method=method,
        run=run,
        encoder=encoder,
        protocol=how,
        batching=batching,
        planned_steps=planned_steps,
        on_step=Log(),
    )
    trainer.prepare()
    return trainer


# --- whole runs -------------------------------------------------------------------------------------------------------


def registry_with(*specs: Any, observer: Any = None) -> Any:
    """clbench's registry with more methods, and an observer."""
    from clbench.plugins.hookspecs import hookimpl
    from clbench.plugins.manager import PluginRecord, load_plugins
    from clbench.plugins.registry import Registry

    plugins = load_plugins()
    plugins.manager.register(SimpleNamespace(clbench_methods=hookimpl(lambda: specs)), name="lab")
    plugins.records["lab"] = PluginRecord("lab", "clbench-lab", "1.2", "lab")
    if observer is not None:
        plugins.manager.register(observer, name="observer")
        plugins.records["observer"] = PluginRecord("observer", "clbench-observer", "1", "observer")
    return Registry(plugins)


def make_request(stream: Path, method: str | Sequence[str], *, model: Path | str, home: Path, **changes: Any) -> Any:
    """What `clbench run` makes of its arguments; each run measures row 0 itself, unless it is told otherwise."""
    from clbench.engine.proberequest import ProbeRequest
    from clbench.engine.request import Request

    probes = changes.pop("probes", ProbeRequest())
    settings = {
        "protocol": changes.pop("protocol", {}),
        "stream": changes.pop("caps", {}),
        "runtime": {"device": "cpu", "share_base_row": False, **changes.pop("runtime", {})},
    }
    return Request(
        stream=f"{stream}:{changes.pop('variant', 'files')}",
        plugin=(method,) if isinstance(method, str) else tuple(method),
        model=str(model),
        seed=changes.pop("seeds", ()),
        order=tuple(order or "order1" for order in changes.pop("orders", ())),
        probe=probes.names,
        probe_limit=probes.limit,
        probe_schedule=probes.schedule,
        settings=settings,
        runs_dir=home / "runs",
        leaderboards_dir=home / "leaderboards",
        **changes,
    )


def run_stream(
    stream: Path,
    method: str | Sequence[str] = "sequential",
    *,
    model: Path | str,
    home: Path,
    lab: Any = None,
    **changes: Any,
) -> list[Any]:
    """Runs a stream from beginning to end, and gives the outcomes."""
    from clbench.plans.plan import of_request
    from clbench.plugins.registry import registry

    return run_plan(of_request(make_request(stream, method, model=model, home=home, **changes)), lab or registry())


def run_plan(plan: Any, known: Any, *, progress: Any = None, fail_fast: bool = True) -> list[Any]:
    """Carries a plan out, and gives the outcomes."""
    from clbench.base.progress import Progress
    from clbench.plans.jobs import arms_of
    from clbench.plans.working import How, Worker

    return list(Worker(known, progress or Progress(), How(fail_fast=fail_fast)).work(arms_of(plan, known)))


def rename_tasks(stream: Path, names: Sequence[str]) -> Path:
    """The same records of a stream under other names, in their order."""
    import yaml

    content = yaml.safe_load(stream.read_text(encoding="utf-8"))
    content["tasks"] = dict(zip(names, content["tasks"].values(), strict=True))
    stream.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return stream


def answers(outcome: Any, tasks: Sequence[str] = STREAM_TASKS) -> list[list[str]]:
    """What a run of `write_stream`'s form wrote, a list a row of R and task."""
    from clbench.runs.predictions import predictions_path, read
    from clbench.spec.task import Task

    made = [Task.model_validate({"task": name, "data": {}, **TASK}) for name in tasks]
    rows = range(len(tasks) + 1)
    paths = [predictions_path(outcome.run_dir.path, row=row, task=task) for row in rows for task in made]
    return [[one.prediction for one in read(path)] for path in paths]


def under_exchanged_names(
    folder: Path, plugin: str, *, model: Path, learning_rate: float
) -> list[tuple[Any, list[list[str]]]]:
    """Two runs on the same records, whose tasks have each other's names in the second: outcomes and answers.

    Where no name leaks, the answers are the same, bit for bit.
    """
    found = []
    for number, names in enumerate([STREAM_TASKS, (STREAM_TASKS[2], *STREAM_TASKS[:2])]):
        stream = rename_tasks(write_stream(folder / f"data{number}", learning_rate=learning_rate), names)
        (outcome,) = run_stream(stream, plugin, model=model, home=folder / str(number))
        found.append((outcome, answers(outcome, names)))
    return found


# --- the command line in this process ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        assert self.code == 0, self.err
        return json.loads(self.out)


Call = Callable[..., Done]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """`clbench …` without the seconds that a new process takes to import torch."""

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["clbench", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return Done(int(end.value.code or 0), said.out, said.err)

    return run


def files_below(folder: Path) -> set[Path]:
    """All files of a folder."""
    return {path for path in folder.rglob("*") if path.is_file()}
