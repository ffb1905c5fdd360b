"""Yardsticks of a run: rankings of the same test users without training."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import torch

from uniseq.batch import RankingBatch
from uniseq.data.datamodule import SequenceDataModule
from uniseq.data.sources.base import KnownTruth
from uniseq.data.split import HeldOut
from uniseq.ranking.evaluation import evaluate
from uniseq.ranking.gains import DEFAULT, Gain, by_name
from uniseq.ranking.ranks import Ranks, join_ranks, rank_scores
from uniseq.ranking.yardsticks import ItemKNN, Markov, OwnHistory, Popularity

Rank = Callable[[RankingBatch], Ranks]


CELLS = 2**20  # true probabilities held at a time: 8 MiB, as more leave the cache


def yardsticks(
    data: SequenceDataModule,
    ks: Sequence[int],
    metrics: Mapping[str, Gain] | None = None,
    ranked: int | None = None,
) -> dict[str, dict[str, float]]:
    """Test metrics of popularity, own history, transitions, item-kNN and the known truth.

    What they count is the training part; what they rank by is the user's whole history before the
    test item, the validation item included, as a model does. The truth is there only where the
    source knows it.

    They are made and asked one after the other, as each may hold tables that grow with the log;
    none holds anything that grows with users × items.

    Args:
        data: the data set.
        ks: cut-offs.
        metrics: gains by name; HR, NDCG and MRR unless given.
        ranked: how many test users the model ranked, the first of them; None for all.
    """
    test = HeldOut(data.split.test.users[:ranked], data.split.test.places[:ranked])
    gains, figures = by_name(DEFAULT) if metrics is None else metrics, {}
    for name, make in _makers(data, test).items():
        rank = make()
        ranks = join_ranks([rank(batch) for batch in data.ranking(test)])
        figures[name] = {
            column: value.item()
            for column, value in evaluate(ranks, gains, ks, data.sequences.num_items).items()
        }
    return figures


def _makers(data: SequenceDataModule, test: HeldOut) -> dict[str, Callable[[], Rank]]:
    items, count = data.training_items, data.sequences.num_items
    rows = np.arange(data.sequences.num_users, dtype=np.int32)
    users = np.repeat(rows, data.split.train)
    read = np.zeros(count, dtype=bool)  # whether a ranked user's history holds the item
    for batch in data.ranking(test):
        read[batch.seen_items.numpy()] = True
    makers: dict[str, Callable[[], Rank]] = {
        "popularity": lambda: Popularity(items, count).rank,
        "own_history": lambda: OwnHistory(count).rank,
        "markov": lambda: Markov(users, items, count, lasts=read).rank,
        "item_knn": lambda: ItemKNN(users, items, count, voters=read).rank,
    }
    source = data.source
    if isinstance(source, KnownTruth):
        makers["optimum"] = lambda: partial(_by_truth, data, source)
    return makers


def _by_truth(data: SequenceDataModule, source: KnownTruth, batch: RankingBatch) -> Ranks:
    sequences, test = data.sequences, data.split.test
    users = batch.histories.users.numpy()
    begins, places = sequences.offsets[users], test.places[np.searchsorted(test.users, users)]
    step = max(1, CELLS // sequences.num_items)
    parts = []
    for start in range(0, len(users), step):
        rows = slice(start, min(start + step, len(users)))
        histories = zip(begins[rows].tolist(), places[rows].tolist(), strict=True)
        truth = source.probabilities([sequences.items[first:end] for first, end in histories])
        seen = slice(*np.searchsorted(batch.seen_rows.numpy(), (rows.start, rows.stop)))
        parts.append(
            rank_scores(
                torch.from_numpy(truth),
                batch.targets[rows],
                batch.seen_rows[seen] - start,
                batch.seen_items[seen],
            )
        )
    return join_ranks(parts)
