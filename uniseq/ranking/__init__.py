"""Full ranking: ranks among all items, and the metrics over them.

Names are loaded when they are asked for: gains need no torch, and reports read them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uniseq.ranking.evaluation import evaluate
    from uniseq.ranking.gains import Gain
    from uniseq.ranking.metrics import MRR, NDCG, HitRate, ranking_metrics
    from uniseq.ranking.ranks import Ranks, rank_scores, rank_targets

__all__ = [
    "MRR",
    "NDCG",
    "Gain",
    "HitRate",
    "Ranks",
    "evaluate",
    "rank_scores",
    "rank_targets",
    "ranking_metrics",
]

_PLACES = {
    "evaluation": ("evaluate",),
    "gains": ("Gain",),
    "metrics": ("MRR", "NDCG", "HitRate", "ranking_metrics"),
    "ranks": ("Ranks", "rank_scores", "rank_targets"),
}


def __getattr__(name: str) -> Any:
    for module, names in _PLACES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
