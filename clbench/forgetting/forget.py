"""`clbench.forget`: what a fine-tuning lost, for scripts and notebooks; the command line comes in by this door, too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from clbench.base import home
from clbench.base.errors import OptionError
from clbench.base.progress import Progress
from clbench.data.sources import TaskData
from clbench.forgetting.asking import Side
from clbench.forgetting.comparing import Comparison, Wanted
from clbench.forgetting.local import Desk, LocalModel
from clbench.forgetting.probing import SCORER, load_probes
from clbench.forgetting.result import Forgotten
from clbench.forgetting.served import PREFIX, ServedModel
from clbench.forgetting.sides import find_pair
from clbench.forgetting.store import Store
from clbench.forgetting.verdicts import TOLERANCE
from clbench.models.device import make_accelerator
from clbench.models.naming import find_model
from clbench.plugins.registry import registry
from clbench.spec.protocol import Protocol, Runtime

BATCH = 32
Files = str | Path | Sequence[str | Path]


def forget(
    base: str | Path,
    tuned: str | Path | None = None,
    *,
    probes: str | Sequence[str] = (),
    data: Files = (),
    limit: int | None = None,
    scorer: str = SCORER,
    tolerance: float = TOLERANCE,
    require: str | Sequence[str] = (),
    text: str | Path | None = None,
    trained_on: Files = (),
    show: int = 10,
    prompt: Literal["plain", "chat"] = "plain",
    precision: Literal["fp32", "bf16"] = "fp32",
    device: Literal["auto", "cpu", "cuda"] = "auto",
    batch: int = BATCH,
    trust_remote_code: bool = False,
    fresh: bool = False,
    wise_ft: bool = False,
    more: Sequence[TaskData] = (),
    protocol: Protocol | None = None,
    progress: Progress | None = None,
) -> Forgotten:
    """What `tuned` lost of what `base` could do, with errors, p-values and a verdict for each probe.

    Args:
        base: whatever `--model` takes, or `openai:URL#NAME` of a served one; of an adapter the base is known, and its
            folder may stand here alone.
        tuned: likewise.
        probes: names, groups, YAML files, `lm-eval:NAME`; `quick` when nothing is asked at all.
        data: files of questions of your own, each a probe; and at most one folder of the named probes' local files.
        limit: records of each probe at most, evenly spread.
        scorer: of your own questions.
        tolerance: drop of a score (of a loss: rise in nats a token) that does not matter.
        require: such as `gsm8k >= base - .03`.
        text: a file on which the divergence from the base is measured, too.
        trained_on: files that the model was tuned on, to look for the probes in.
        show: how many records that changed most are given.
        prompt: questions are asked as they stand, or through the model's chat template.
        precision: of the arithmetic, for both models.
        device: where both are asked.
        batch: prompts a batch.
        trust_remote_code: run code that comes with a model.
        fresh: ask anew what is kept.
        wise_ft: measure the averages of both models' weights, too (.75, .5 and .25 of the tuned one).
        more: records that are loaded already, such as a stream's tasks.
        protocol: lengths of those.
        progress: told how far it is.

    Raises:
        ClbenchError: a model, probe, file or demand is wrong.
    """
    if limit is not None and limit < 1:
        raise OptionError(f"--limit {limit}: must be at least 1")
    known = registry()
    wanted = Wanted(
        tolerance=tolerance,
        require=listed(require),
        text=None if text is None else Path(text),
        trained_on=tuple(map(Path, listed(trained_on))),
        show=show,
        fresh=fresh,
        wise_ft=wise_ft,
    )
    files = [Path(one) for one in listed(data)]
    records = load_probes(listed(probes), files, known, limit=limit, scorer=scorer, more=more)
    names = tuple(str(one) for one in (base, tuned) if one is not None)
    desk = Desk(
        make_accelerator(device),
        (protocol or Protocol()).model_copy(update={"precision": precision, "prompt": prompt}),
        Runtime(eval_batch=batch, device=device),
        known.plugins,
    )
    sides = _sides(names, desk, records, trust=trust_remote_code)
    store = Store(home.answers_dir())
    return Comparison(*sides, records, known.scorer, store, progress or Progress()).run(wanted)


def _sides(names: tuple[str, ...], desk: Desk, records: Sequence[TaskData], *, trust: bool) -> tuple[Side, Side]:
    """Both models, one object where they are one; a served one is asked whether it can answer at all."""
    if not any(name.startswith(PREFIX) for name in names):
        base, tuned = (LocalModel(ref, desk) for ref in find_pair(names, trust_remote_code=trust))
        return base, base if base.ref.hash == tuned.ref.hash else tuned
    if len(names) == 1:
        raise OptionError(f"{names[0]}: is served, so its base is not known; give both: clbench forget BASE TUNED")
    served = {name: ServedModel(name, desk.protocol) for name in names if name.startswith(PREFIX)}
    for one in served.values():
        one.check(records)
    base, tuned = (served.get(name) or LocalModel(find_model(name, trust_remote_code=trust), desk) for name in names)
    return base, tuned


def listed(given: str | Path | Sequence[str | Path]) -> tuple[str, ...]:
    """One or several, as several."""
    return tuple(map(str, [given] if isinstance(given, str | Path) else given))
