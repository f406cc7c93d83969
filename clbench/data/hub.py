"""Data sets of the Hugging Face Hub, by the `datasets` library; a folder of JSON files is read in the same way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from clbench.base.errors import DataError
from clbench.spec.task import Hub, HubSplit


def read_hub(hub: Hub, split: str | HubSplit) -> Iterator[tuple[str, dict[str, Any]]]:
    """The records of one split, each with where it stands, read from the disk as they are asked for.

    Code that a data set brings along is never run.

    Raises:
        DataError: the data set, configuration or split is not there, or cannot be reached.
    """
    if isinstance(split, HubSplit):
        hub, split = Hub(path=split.path, config=split.config, revision=split.revision), split.split
    configs = hub.config if isinstance(hub.config, tuple) else (hub.config,)
    for config in configs:
        where = f"{hub.path}{f' ({config})' if config else ''}, {split}"
        for number, row in enumerate(_rows(hub, config, split, where=where), 1):
            yield f"{where}, record {number}", {"config": config, **row}


def splits_of(hub: Hub) -> list[str]:
    """The splits of a data set.

    Raises:
        DataError: it is not there, or cannot be reached.
    """
    import datasets

    config = hub.config[0] if isinstance(hub.config, tuple) else hub.config
    with _complaints(hub.path):
        return [str(one) for one in datasets.get_dataset_split_names(hub.path, config, revision=hub.revision)]


def _rows(hub: Hub, config: str | None, split: str, *, where: str) -> Iterator[dict[str, Any]]:
    import datasets
    from huggingface_hub.utils import logging

    datasets.disable_progress_bars()
    logging.set_verbosity_error()  # it tells of every attempt; what went wrong is said by `_complaints`
    with _complaints(where):
        yield from map(dict, datasets.load_dataset(hub.path, config, split=split, revision=hub.revision))


@contextlib.contextmanager
def _complaints(where: str) -> Iterator[None]:
    """The library raises whatever the network, the disk or a parser raised."""
    try:
        yield
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise DataError(
            f"{where}: cannot be read from the Hub ({reason}); is it reachable? Local files do as well: --data FOLDER"
        ) from error
