"""Schema of the top of the config. Below it each node's schema is the signature of its target."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from uniseq.training.parts import Items, Ranking

Node = dict[str, Any]


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
    ranking: Ranking
    sphere: Node | None
    seed: int
    name: str
    group: str
    tags: Sequence[str]
    data_dir: str | None
    results_dir: str
    ckpt_path: str | None
    threads: int | None
    items: Items = field(default_factory=Items)
    # A record of a former version has none of these.
    callbacks: Node = field(default_factory=dict)
    scheduler: Node | None = None
    study: str | None = None
