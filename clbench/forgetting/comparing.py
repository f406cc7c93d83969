"""Two models compared: both are asked, the scores are judged, and what else moved is measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clbench.base.errors import DataError, OptionError
from clbench.base.progress import Progress
from clbench.data.sources import TaskData
from clbench.forgetting import requirements, tokens
from clbench.forgetting.asking import Asked, Side, ask_all, forget_served
from clbench.forgetting.averaging import averages
from clbench.forgetting.local import LocalModel, both_fit, losses_of
from clbench.forgetting.overlapping import overlaps
from clbench.forgetting.query import Query
from clbench.forgetting.result import Average, Changed, Demand, Forgotten
from clbench.forgetting.store import Store
from clbench.forgetting.verdicts import Pair, judge
from clbench.runs.predictions import Prediction, score_records
from clbench.scoring.spec import ScorerSpec
from clbench.spec.wording import many


@dataclass(slots=True)
class Comparison:
    """Two sides and what they are asked.

    Args:
        base: the model before.
        tuned: the model after.
        probes: the records.
        scorer: a scorer's spec by name.
        store: of answers.
        progress: of the asking.
    """

    base: Side
    tuned: Side
    probes: Sequence[TaskData]
    scorer: Callable[[str], ScorerSpec]
    store: Store
    progress: Progress = field(default_factory=Progress)
    notes: list[str] = field(default_factory=list)

    def run(self, query: Query) -> Forgotten:
        """Ask, judge, measure.

        Raises:
            ClbenchError: a model cannot be loaded or asked, or a file not be read.
        """
        began = time.perf_counter()
        self.notes += [note for data in self.probes for note in data.notes]
        demands, text = self._checked(query)
        overlap = overlaps(self.probes, [Path(one) for one in many(query.trained_on)])
        before, after = self._ask_both(fresh=query.fresh)
        pairs = self.pairs(before, after)
        verdicts = tuple(judge(pairs, tolerance=query.tolerance))
        divergence, drift = self._moved(text)
        averaged = tuple(self._averages(before, query)) if query.wise_ft else ()
        for side in (self.base, self.tuned):
            forget_served(side, self.probes, store=self.store)
        return Forgotten(
            base=_named(self.base),
            tuned=_named(self.tuned),
            tolerance=query.tolerance,
            verdicts=verdicts,
            demands=tuple(_met(one, verdicts) for one in demands),
            divergence=divergence,
            drift=drift,
            changed=tuple(self._changed(pairs, before, after, query.show)),
            overlap=overlap,
            averages=averaged,
            notes=tuple(self._all_notes()),
            seconds=time.perf_counter() - began,
        )

    def _checked(self, query: Query) -> tuple[list[requirements.Requirement], str | None]:
        """What can be wrong in words is found before anything is asked."""
        demands = requirements.parse(many(query.require))
        requirements.check_names(demands, [one.task.name for one in self.probes])
        return demands, None if query.text is None else _read_text(Path(query.text))

    def _ask_both(self, *, fresh: bool) -> tuple[Asked, Asked]:
        """The base first; it makes room where both do not fit."""
        before = self._ask(self.base, fresh=fresh)
        loaded = self.base if isinstance(self.base, LocalModel) and self.base.is_loaded else None
        if loaded and self.tuned is not self.base and not both_fit(loaded):
            loaded.close()
        after = before if self.tuned is self.base else self._ask(self.tuned, fresh=fresh)
        return before, after

    def _ask(self, side: Side, *, fresh: bool) -> Asked:
        asked = ask_all(side, self.probes, store=self.store, progress=self.progress, fresh=fresh)
        if asked.kept:
            self.notes.append(f"{side.name}: {asked.kept} answers were kept from before (--fresh asks anew)")
        for data in self.probes:
            cut = sum(one.truncated for one in asked.answers[data.task.name])
            if cut:
                name = data.task.name.rpartition("/")[2]
                self.notes.append(f"{side.name}: {cut} of {len(data.test)} answers to {name} ran into the limit")
        return asked

    def pairs(self, before: Asked, after: Asked) -> dict[str, Pair]:
        """The records' scores on both sides, by probe; losses of unlike tokens are left out, and it is said."""
        found = {}
        for data in self.probes:
            name = data.task.name
            old, new = before.answers[name], after.answers[name]
            if data.task.measure != "loss":
                found[name] = Pair(self._scores(data, old), self._scores(data, new))
            elif [n for _, n in losses_of(old)] == [n for _, n in losses_of(new)]:
                found[name] = Pair(_per_token(losses_of(old)), _per_token(losses_of(new)), loss=True)
            else:
                self.notes.append(f"{name}: left out, as the two tokenizers cut its text into different tokens")
        if not found:
            raise DataError(
                "no probe is left that both models can be compared on; name one that is scored: --probe NAME"
            )
        return found

    def _scores(self, data: TaskData, found: Sequence[Prediction]) -> tuple[float, ...]:
        return tuple(score_records(data.task, found, scorer=self.scorer(data.task.scorers.strict)))

    def _moved(self, text: str | None) -> tuple[dict[str, tokens.Divergence], dict[str, Any] | None]:
        """Divergence and drift, where both models are here and fit into memory together."""
        base, tuned = self.base, self.tuned
        if not (isinstance(base, LocalModel) and isinstance(tuned, LocalModel)):
            self.notes.append("KL and drift are left out: a served model shows neither probabilities nor weights")
            return {}, None
        if tuned is not base and not base.is_loaded and not both_fit(tuned):
            self.notes.append("KL and drift are left out: both models do not fit into memory together")
            return {}, None
        why = tokens.different_words(base, tuned)
        if why:
            self.notes.append(f"KL is left out: the models have {why}")
            return {}, self._drift(base, tuned)
        asked = [one for one in self.probes if one.test]
        with self.progress.task("KL", total=len(asked) + (text is not None)):
            found = {one.task.name: self._advanced(tokens.of_probe(base, tuned, one)) for one in asked}
            if text is not None:
                found["text"] = self._advanced(tokens.of_text(base, tuned, text))
        return found, self._drift(base, tuned)

    def _averages(self, before: Asked, query: Query) -> Iterator[Average]:
        """Each average against the base, as a comparison of its own."""
        base, tuned = self.base, self.tuned
        if not (isinstance(base, LocalModel) and isinstance(tuned, LocalModel)):
            raise OptionError("--wise-ft: a served model shows no weights to average")
        for share, side in averages(base, tuned):
            pairs = self.pairs(before, self._ask(side, fresh=query.fresh))
            yield Average(share, tuple(judge(pairs, tolerance=query.tolerance)))

    def _advanced(self, found: tokens.Divergence) -> tokens.Divergence:
        self.progress.advance()
        return found

    def _drift(self, base: LocalModel, tuned: LocalModel) -> dict[str, Any]:
        found, left = tokens.drift(base, tuned)
        if left:
            self.notes.append(f"drift: {left} tensors are left out, whose shapes or names do not agree")
        return found

    def _changed(self, pairs: Mapping[str, Pair], before: Asked, after: Asked, show: int) -> list[Changed]:
        """Those that lost most, then those that gained most; each probe has its turn."""
        ranked = []
        for name, pair in pairs.items():
            order = sorted(
                range(len(pair.gains)), key=lambda index: (-abs(pair.gains[index]), pair.gains[index], index)
            )
            ranked += [
                (-abs(pair.gains[i]), pair.gains[i] > 0, turn, name, i) for turn, i in enumerate(order) if pair.gains[i]
            ]
        return [_change(name, i, pairs[name], before, after) for *_, name, i in sorted(ranked)[:show]]

    def _all_notes(self) -> list[str]:
        sides = [side for side in (self.base, self.tuned) if isinstance(side, LocalModel)]
        damaged = [f"{len(self.store.damaged)} kept answers were damaged, and asked anew"] if self.store.damaged else []
        return list(dict.fromkeys([*self.notes, *(note for side in sides for note in side.notes), *damaged]))


def _per_token(found: Sequence[tuple[float, int]]) -> tuple[float, ...]:
    """Each record's share, so that their plain mean is the loss a token over all."""
    total = sum(number for _, number in found)
    return tuple(nats * len(found) / total for nats, _ in found)


def _change(name: str, index: int, pair: Pair, before: Asked, after: Asked) -> Changed:
    old, new = before.answers[name][index], after.answers[name][index]
    return Changed(
        name, index, old.prompt, old.answer, old.prediction, new.prediction, pair.before[index], pair.after[index]
    )


def _met(one: requirements.Requirement, verdicts: Sequence[Any]) -> Demand:
    return Demand(one, all(one.holds(verdict) for verdict in verdicts if one.is_of(verdict.probe)))


def _named(side: Side) -> dict[str, str]:
    known = side.identity()
    return {"name": side.name, "hash": str(known.get("hash", ""))}


def _read_text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"--text {path}: cannot be read as UTF-8 text ({type(error).__name__})") from error
    if not text.strip():
        raise DataError(f"--text {path}: is empty")
    return text
