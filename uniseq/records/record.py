"""Record of one run: all that tables and figures are made from."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

SCHEMA_VERSION = 1


@dataclass(slots=True)
class Record:
    """One run as it ended. Everything but ``timings`` and ``environment`` repeats with the seed.

    Args:
        status: how the run ended; ``pruned`` when a search gave it up for its validation figures.
        name: of the run, for people.
        config: the resolved config, without the folders of the machine it ran on.
        config_hash: of the part of the config that determines the result.
        dataset: name, sizes and fingerprint of the data.
        seed: of the run.
        epochs: metrics of each epoch.
        best_epoch: epoch of the checkpoint that was tested, counted from 0.
        stopped: why training ended, in words.
        capped: whether the cap on epochs ended it; None where it came to no end of its own, and in
            records of former versions, which told it in ``stopped`` alone.
        test: test metrics, ``masked/HR@10`` and so on.
        yardsticks: the same metrics of rankings that need no training.
        sphere: how histories and items lay, one entry for each epoch that was measured; its keys
            are described at :func:`uniseq.sphere.measure`.
        ranks_file: name of the file beside the record with each test user's rank.
        error: type and text, for a failed run; with the traceback where it is no known fault.
        resumed_from: checkpoint of another run that the run went on from.
        environment: versions, commit and whether the checkout had changes, machine.
        timings: seconds and peak memory.
    """

    status: Literal["finished", "failed", "interrupted", "pruned"]
    name: str
    config: dict[str, Any]
    config_hash: str
    seed: int
    dataset: dict[str, Any] = field(default_factory=dict)
    epochs: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int | None = None
    stopped: str | None = None
    capped: bool | None = None
    test: dict[str, float] = field(default_factory=dict)
    yardsticks: dict[str, dict[str, float]] = field(default_factory=dict)
    sphere: list[dict[str, Any]] = field(default_factory=list)
    ranks_file: str | None = None
    error: dict[str, str] | None = None
    resumed_from: str | None = None
    environment: dict[str, Any] = field(default_factory=dict)
    timings: dict[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA_VERSION

    @property
    def watched(self) -> str:
        """The validation figure that early stopping and the tested checkpoint went by."""
        return watched(self.config)

    @property
    def validated(self) -> list[dict[str, float]]:
        """The epochs after which there was a validation."""
        return [epoch for epoch in self.epochs if self.watched in epoch]

    @property
    def best_of_epochs(self) -> dict[str, float]:
        """The first epoch with the highest watched figure; there must be a validated one."""
        return max(self.validated, key=lambda epoch: epoch[self.watched])

    @property
    def best(self) -> float:
        """The highest watched figure, that of the tested checkpoint."""
        return self.best_of_epochs[self.watched]

    @property
    def met_cap(self) -> bool:
        """Whether the cap on epochs, not early stopping, ended training."""
        if self.capped is None:
            return (self.stopped or "").startswith("cap of")
        return self.capped

    @property
    def dirty(self) -> bool:
        """Whether the run's checkout had changes that are in no commit."""
        if "dirty" in self.environment:
            return bool(self.environment["dirty"])
        # A former version marked the commit instead: ``0123abc-dirty``.
        return "-" in str(self.environment.get("commit"))

    def to_json(self) -> str:
        """Indented JSON; a number that is none is written as null by the standard's rules."""
        return json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"


def watched(config: Mapping[str, Any]) -> str:
    """The validation figure that a run with this config goes by, such as ``val/masked/NDCG@10``."""
    ranking = config["ranking"]
    return f"val/{ranking['history']}/{ranking['monitor']}"
