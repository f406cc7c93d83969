"""What `--model` says: the bundled model, a folder, a GGUF file, an adapter, a run's model, a kept one, a Hub id."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from clbench.base import home
from clbench.base.errors import ModelError
from clbench.models import adapters, gguf, loading, packages, saving
from clbench.models.ref import ModelRef

RUN = "run:"


def find_model(
    name: str, *, revision: str | None = None, trust_remote_code: bool = False, runs_dir: Path | None = None
) -> ModelRef:
    """The model that a name means.

    Args:
        name: as the user wrote it.
        revision: of a Hub model.
        trust_remote_code: run code that comes with the model.
        runs_dir: where `run:RUN-ID` is looked for [default: the usual folder].

    Raises:
        ModelError: there is none, or it is damaged.
    """
    if name.startswith(RUN):
        return _of_run(name, runs_dir or home.runs_dir(), trust_remote_code=trust_remote_code)
    path = Path(name).expanduser()
    if path.suffix == ".gguf":
        return gguf.describe(path)
    if home.is_file(path / saving.METHOD):
        raise ModelError(
            f"{name}: holds layers that a method has put into its model, which no --model takes; "
            "clbench.load_model(RUN) loads it"
        )
    if home.is_dir(path) and adapters.is_adapter(path):

        def base(text: str, at: str | None) -> ModelRef:
            return find_model(text, revision=at, trust_remote_code=trust_remote_code, runs_dir=runs_dir)

        return adapters.describe(path, base)
    if not home.is_dir(path) and (kept := packages.find(name)):
        return replace(gguf.describe(kept), name=name)
    return loading.describe(name, revision=revision, trust_remote_code=trust_remote_code)


def word_of(ref: ModelRef) -> str:
    """What finds a model again on this machine: its name where that is enough, else where it lies."""
    if not ref.local or ref.name in (loading.BUNDLED, *packages.KNOWN) or ref.name.startswith(RUN):
        return ref.name
    place = Path(ref.adapter or ref.location).resolve()
    return str(place / ref.gguf) if ref.gguf and not ref.adapter else str(place)


def _of_run(name: str, runs_dir: Path, *, trust_remote_code: bool) -> ModelRef:
    """`run:RUN-ID` is the model at the end, `run:RUN-ID/3` the one after its third task."""
    run_id, _, row = name.removeprefix(RUN).partition("/")
    kept = runs_dir / run_id / "model"
    if not run_id or run_id == ".." or not (runs_dir / run_id).is_dir():
        raise ModelError(f"--model {name}: there is no run {run_id!r} in {runs_dir} (clbench ls runs)")
    folder = kept / row if row else _last(kept)
    if not folder.is_dir():
        raise ModelError(
            f"--model {name}: that run kept no such model; run it with --save-model end, "
            f"or write it by `clbench export {run_id}` if it kept its checkpoints"
        )
    return replace(find_model(str(folder), trust_remote_code=trust_remote_code, runs_dir=runs_dir), name=name)


def _last(kept: Path) -> Path:
    rows = sorted((int(one.name), one) for one in kept.glob("*") if one.name.isdigit()) if kept.is_dir() else []
    return rows[-1][1] if rows else kept
