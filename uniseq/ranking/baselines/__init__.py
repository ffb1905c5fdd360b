"""Rankings that need no training, through the same counting as a model's."""

from uniseq.ranking.baselines.item_knn import ItemKNN
from uniseq.ranking.baselines.markov import Markov
from uniseq.ranking.baselines.own_history import OwnHistory
from uniseq.ranking.baselines.popularity import Popularity

__all__ = ["ItemKNN", "Markov", "OwnHistory", "Popularity"]
