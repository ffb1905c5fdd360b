"""The typed top of the config. Below it each node's schema is the signature of its target."""

from collections.abc import Sequence
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
