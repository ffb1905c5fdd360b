"""Full ranking: ranks among all items, and the metrics over them."""

from uniseq.ranking.metrics import MRR, NDCG, HitRate, ranking_metrics
from uniseq.ranking.ranks import Ranks, rank_scores, rank_targets

__all__ = ["MRR", "NDCG", "HitRate", "Ranks", "rank_scores", "rank_targets", "ranking_metrics"]
