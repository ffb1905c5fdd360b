"""Yardsticks: rankings that need no training, through the same counting as a model's."""

from uniseq.ranking.yardsticks.item_knn import ItemKNN
from uniseq.ranking.yardsticks.markov import Markov
from uniseq.ranking.yardsticks.own_history import OwnHistory
from uniseq.ranking.yardsticks.popularity import Popularity

__all__ = ["ItemKNN", "Markov", "OwnHistory", "Popularity"]
