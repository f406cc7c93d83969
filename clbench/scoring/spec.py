"""What a scorer is, and how one is named without being imported.

A scorer judges one record: it is given the prompt, what the model wrote and the gold answer, and returns a
number between 0 and 1. A `ScorerSpec` names the function by a string, so that listing scorers imports none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Protocol, cast

from clbench.base.errors import OptionError, PluginError


class Scorer(Protocol):
    """A pure function from one record to a number between 0 (wrong) and 1 (right)."""

    def __call__(self, *, prompt: str, prediction: str, answer: str) -> float:
        """Scores one record.

        Args:
            prompt: What the model was given, whole, with its instruction.
            prediction: What the model wrote, untouched; the empty string scores 0, but for SARI, which has a floor.
            answer: The gold answer, untouched; likewise.

        Returns:
            A number between 0 and 1.
        """
        ...


@dataclass(frozen=True, slots=True)
class ScorerSpec:
    """A scorer's name and where its function is.

    Attributes:
        name: What task files and tables call it, such as `rouge_l`.
        target: The function as `"package.module:function"`, imported only when the scorer is chosen.
        summary: One line: what it measures, and the source of the definition.
        reads_prompt: Whether it looks at the prompt, so that predictions without prompts cannot be scored by it.
        runs_programs: Whether it runs what a model writes, which nobody gets without having asked for it.
        corpus: Whether it judges all records of a task at once, as `(*, predictions, answers) -> float`; such a
            scorer is reported beside others (`side`) and ranks nothing, as its records have no scores of their own.
    """

    name: str
    target: str
    summary: str
    reads_prompt: bool = True
    runs_programs: bool = False
    corpus: bool = False

    def __post_init__(self) -> None:
        """Refuses a target that could never be loaded, where it is written rather than where it is used."""
        module, _, function = self.target.partition(":")
        if not (module and function):
            raise ValueError(f"scorer {self.name!r}: the target {self.target!r} is not of the form 'module:function'")


class CorpusScorer(Protocol):
    """A pure function from all records of a task to a number between 0 (wrong) and 1 (right)."""

    def __call__(self, *, predictions: Sequence[str], answers: Sequence[str]) -> float:
        """Scores a task.

        Args:
            predictions: What the model wrote, record by record.
            answers: The gold answers, in the same order.

        Returns:
            A number between 0 and 1.
        """
        ...


def load_scorer(spec: ScorerSpec) -> Scorer:
    """Imports the function that a spec names.

    Args:
        spec: The scorer to load.

    Returns:
        The scorer, ready to be called with keywords.

    Raises:
        PluginError: The module or the function in it is missing, fails at import, or is not callable.
    """
    try:
        scorer = resolve_name(spec.target)
    except (Exception, SystemExit) as error:  # whatever a plugin's module does when imported
        raise PluginError(f"scorer {spec.name!r}: {spec.target} cannot be imported: {error!r}") from error
    if not callable(scorer):
        raise PluginError(f"scorer {spec.name!r}: {spec.target} is not a function")
    return cast("Scorer", scorer)


def check_scorer(spec: ScorerSpec, *, ranks: bool) -> None:
    """Refuses a scorer in a place where it cannot stand.

    Args:
        spec: The scorer.
        ranks: Whether it stands under `scorers`, whose scores have errors and pairs, record by record.

    Raises:
        OptionError: It judges all records at once and is to rank.
    """
    if ranks and spec.corpus:
        raise OptionError(f"scorer {spec.name!r} judges all records at once: name it under `side`, not `scorers`")
