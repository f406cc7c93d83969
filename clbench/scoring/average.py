"""From the scores of single records to the score of a task: the plain mean.

Source: `metrics.py` of TRACE (BeyonderXX/TRACE), where the denominator is always the number of records, so an
empty prediction counts (as 0 under all scorers but SARI) instead of leaving the mean.
"""

from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any

from clbench.scoring.spec import Scorer

_FIELDS = ("prompt", "prediction", "answer")


def mean_score(scorer: Scorer, records: Iterable[Any]) -> float:
    """Averages a scorer over records; every record counts, also those with an empty prediction.

    Args:
        scorer: Gives each record a number between 0 and 1.
        records: Mappings or objects with the strings `prompt`, `prediction` and `answer`; whatever else they
            hold is ignored.

    Returns:
        The mean, between 0 and 1. It does not depend on the order of the records.

    Raises:
        ValueError: There are no records: a mean of nothing would be a blank in the results.
        TypeError: One of the three fields is not a string.
    """
    return fmean(record_scores(scorer, records))


def record_scores(scorer: Scorer, records: Iterable[Any]) -> list[float]:
    """Scores record by record; see `mean_score`.

    Raises:
        ValueError: There are no records.
        TypeError: One of the three fields is not a string.
    """
    scores = [scorer(**_fields(record, position)) for position, record in enumerate(records)]
    if not scores:
        raise ValueError("there are no records to score; check that the predictions file is not empty")
    return scores


def _fields(record: Any, position: int) -> dict[str, str]:
    """Reads the three strings of a record, of which `None` must not pass for an empty prediction."""
    fields = {name: record[name] if isinstance(record, Mapping) else getattr(record, name) for name in _FIELDS}
    for name, value in fields.items():
        if not isinstance(value, str):
            raise TypeError(f"record {position}: {name} is {type(value).__name__}, not a string")
    return fields
