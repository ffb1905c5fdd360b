"""The runs below a folder: their records, and what makes several of them one setting."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uniseq.config.schema import identity
from uniseq.errors import DataError
from uniseq.records.record import Record
from uniseq.records.store import RECORD, read_record


@dataclass(frozen=True, slots=True)
class Run:
    """A record and its file."""

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
        return (self.record.stopped or "").startswith("cap of")


def read_runs(folder: Path) -> tuple[list[Run], list[DataError]]:
    """All runs below a folder, however it is laid out, and the records that cannot be read."""
    runs: list[Run] = []
    unreadable: list[DataError] = []
    for path in sorted(folder.rglob(RECORD)):
        try:
            runs.append(Run(path, read_record(path)))
        except DataError as error:
            unreadable.append(error)
    return runs, unreadable


def setting_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a config that determines a result, seeds left out."""
    kept = {key: value for key, value in identity(config).items() if key != "seed"}
    # The data module's seed follows the run's; one given by hand is a setting.
    if config["dataset"]["seed"] == config["seed"]:
        kept["dataset"] = {k: v for k, v in kept["dataset"].items() if k != "seed"}
    return kept


def flatten(config: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """A nested config by dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        where = f"{path}.{key}" if path else key
        flat |= flatten(value, where) if isinstance(value, dict) else {where: value}
    return flat
