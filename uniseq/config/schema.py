"""The typed top of the config. Below it each node's schema is the signature of its target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RankingConfig:
    """What is measured, and which figure early stopping watches.

    Args:
        ks: cut-offs K of HR@K, NDCG@K and MRR@K.
        history: whether the watched figure ranks with the user's history masked or not; both
            are always measured.
        monitor: the watched metric.
        patience: epochs without a better watched figure before training stops.
    """

    ks: Sequence[int]
    history: Literal["masked", "unmasked"]
    monitor: str
    patience: int


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Every top-level key of ``conf/config.yaml``."""

    backbone: Node
    similarity: Node
    loss: Node
    dataset: Node
    optimizer: Node
    trainer: Node
    logger: Node
    ranking: RankingConfig
    sphere: Node | None
    seed: int
    name: str
    group: str
    tags: Sequence[str]
    data_dir: str | None
    results_dir: str
    ckpt_path: str | None
    threads: int | None
    trial: str | None = None  # a record of a former version has none


# What cannot change a result: left out of a run's identity.
INCIDENTAL = frozenset(
    {
        *("logger", "sphere", "name", "group", "tags", "data_dir", "results_dir", "ckpt_path"),
        *("threads", "trial"),
    }
)
INCIDENTAL_BELOW = frozenset(
    {
        "data_dir",
        "enable_progress_bar",
        "enable_model_summary",
        "log_every_n_steps",
        "use_distributed_sampler",
    }
)
# Folders and files of one machine: a record, which travels, has none of them.
PLACES = frozenset({"data_dir", "results_dir", "ckpt_path"})


def portable(plain: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved config with the places of this machine null."""
    return {
        key: None if key in PLACES else portable(value) if isinstance(value, dict) else value
        for key, value in plain.items()
    }


def identity(plain: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a resolved config that determines the result."""
    kept = {key: value for key, value in plain.items() if key not in INCIDENTAL}
    return {key: _without(value) for key, value in kept.items()}


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without(v) for k, v in value.items() if k not in INCIDENTAL_BELOW}
    return value
