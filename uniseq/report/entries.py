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
from uniseq.records.store import RECORD, read_record, require_whole

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
            record = read_record(path)
            require_whole(path, record)
        except DataError as error:
            unreadable.append(error)
        else:
            runs.append(Entry(path, record))
    return runs, unreadable


def setting_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a config that determines a figure, by dotted key, seeds left out."""
    determining = by_dotted_key(identity(config))
    kept = {key: value for key, value in determining.items() if not isinstance(value, dict)}
    del kept["seed"]
    # The data module's seed follows the run's; one given by hand is a setting.
    if kept.get("dataset.seed") == config["seed"]:
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
