"""The figures a model must be seen beside: rankings of the same test users without training."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from uniseq.batch import RankingBatch
from uniseq.data.datamodule import SequenceDataModule
from uniseq.data.sources import KnownTruth
from uniseq.ranking.baselines import ItemKNN, Markov, OwnHistory, Popularity
from uniseq.ranking.metrics import ranking_metrics
from uniseq.ranking.ranks import Ranks, join_ranks, rank_scores

Rank = Callable[[RankingBatch], Ranks]


def yardsticks(data: SequenceDataModule, ks: Sequence[int]) -> dict[str, dict[str, float]]:
    """Test metrics of popularity, own history, transitions, item-kNN and the known truth.

    What they count is the training part; what they rank by is the user's whole history before the
    test item, the validation item included, as a model does. The truth is there only where the
    source knows it.

    Args:
        data: the data set.
        ks: cut-offs.
    """
    rankings = _rankings(data)
    if isinstance(data.source, KnownTruth):
        rankings["optimum"] = _by_truth(data, data.source)
    parts: dict[str, list[Ranks]] = {name: [] for name in rankings}
    for batch in data.test_dataloader():
        for name, rank in rankings.items():
            parts[name].append(rank(batch))
    return {name: _metrics(join_ranks(ranks), ks) for name, ranks in parts.items()}


def _rankings(data: SequenceDataModule) -> dict[str, Rank]:
    items, count = data.training_items, data.sequences.num_items
    users = np.repeat(np.arange(data.sequences.num_users), data.split.train)
    return {
        "popularity": Popularity(items, count).rank,
        "own_history": OwnHistory(count).rank,
        "markov": Markov(users, items, count).rank,
        "item_knn": ItemKNN(users, items, count).rank,
    }


def _by_truth(data: SequenceDataModule, source: KnownTruth) -> Rank:
    sequences, test = data.sequences, data.split.test
    place = dict(zip(test.users.tolist(), test.places.tolist(), strict=True))

    def rank(batch: RankingBatch) -> Ranks:
        users = batch.sequences.users.tolist()
        truth = source.probabilities(
            [sequences.items[sequences.offsets[user] : place[user]] for user in users]
        )
        scores = torch.from_numpy(truth)
        targets = batch.sequences.targets
        return rank_scores(scores, targets, batch.seen_rows, batch.seen_items)

    return rank


def _metrics(ranks: Ranks, ks: Sequence[int]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for history, values in (("masked", ranks.masked), ("unmasked", ranks.unmasked)):
        metrics = ranking_metrics(ks, prefix=f"{history}/")
        metrics.update(values)
        figures |= {name: float(np.float32(value)) for name, value in metrics.compute().items()}
    return figures
