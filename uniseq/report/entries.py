"""Entries of a report: the records below a folder, and what makes several of them one setting."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from uniseq.errors import DataError
from uniseq.records.identity import identity
from uniseq.records.record import Record
from uniseq.records.store import RECORD, read_record

# Parts of a run's identity that say what else is measured, or where and how fast, and that no
# figure depends on.
IGNORED_KEYS = ("ranking.ks", "ranking.metrics", "dataset.eval_batch_size", "dataset.source.url")


@dataclass(frozen=True, slots=True)
class Entry:
    """A run as the report takes it: its record and the file that it is from."""

    path: Path
    record: Record

    @property
    def setting(self) -> str:
        """What this run shares with those that differ in nothing but the seed: config and data."""
        kept = setting_of(self.record.config)
        return json.dumps([kept, self.record.dataset.get("fingerprint")], sort_keys=True)

    @property
    def capped(self) -> bool:
        """Whether the epoch cap ended training, not early stopping."""
        return self.record.met_cap

    @property
    def changed(self) -> bool:
        """Whether it was made from a checkout with changes that are in no commit."""
        return self.record.dirty


def read_entries(folder: Path) -> tuple[list[Entry], list[DataError]]:
    """All runs below a folder, however it is laid out, and the records that cannot be read."""
    runs: list[Entry] = []
    unreadable: list[DataError] = []
    for path in sorted(folder.rglob(RECORD)):
        try:
            runs.append(Entry(path, _whole(path, read_record(path))))
        except DataError as error:
            unreadable.append(error)
    return runs, unreadable


def _whole(path: Path, record: Record) -> Record:
    """The record, unless a figure that every finished run has is not there."""
    if record.status == "finished":
        watched = [epoch[record.watched] for epoch in record.validated]
        figures: list[Any] = [*watched, *record.test.values()]
        if not watched or not all(isinstance(value, float | int) for value in figures):
            raise DataError(
                path, "is finished, but has no validated epoch or a figure that is no number"
            )
    return record


def setting_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a config that determines a figure, by dotted key, seeds left out."""
    determining = by_dotted_key(identity(config))
    kept = {key: value for key, value in determining.items() if not isinstance(value, dict)}
    del kept["seed"]
    # The data module's seed follows the run's; one given by hand is a setting.
    if config["dataset"]["seed"] == config["seed"]:
        del kept["dataset.seed"]
    return {key: value for key, value in kept.items() if key not in IGNORED_KEYS}


def validations(groups: Sequence[Sequence[Entry]]) -> list[float]:
    """The best watched figure of each group of runs: the mean over the seeds that all groups have.

    A setting that was run with more seeds, or luckier ones, is so neither better nor worse for it.
    Where there is no such seed each has the mean over its own.
    """
    seeds = [{run.record.seed for run in runs} for runs in groups]
    common = set.intersection(*seeds) if seeds else set()
    return [
        mean(run.record.best for run in runs if not common or run.record.seed in common)
        for runs in groups
    ]


def by_dotted_key(config: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Everything in a nested config by its dotted key: values, and the nodes that they lie in."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        where = f"{path}.{key}" if path else key
        found |= {where: value, **(by_dotted_key(value, where) if isinstance(value, dict) else {})}
    return found
