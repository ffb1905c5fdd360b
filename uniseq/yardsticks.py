"""The figures a model must be seen beside: rankings of the same test users without training."""

from collections.abc import Sequence

import numpy as np
import torch

from uniseq.data.datamodule import SequenceDataModule
from uniseq.data.samples import HELD_OUT
from uniseq.data.sequences import Sequences, take_ranges
from uniseq.data.sources import KnownTruth
from uniseq.ranking.baselines import popularity, rank_by_popularity
from uniseq.ranking.metrics import ranking_metrics
from uniseq.ranking.ranks import Ranks, join_ranks, rank_scores


def yardsticks(data: SequenceDataModule, ks: Sequence[int]) -> dict[str, dict[str, float]]:
    """Test metrics of the popularity ranking and, where the truth is known, of the best ranking.

    Args:
        data: the data set; popularity counts its training part.
        ks: cut-offs.
    """
    sequences = data.sequences
    training = sequences.lengths - HELD_OUT
    counts = popularity(
        take_ranges(sequences.items, sequences.offsets[:-1], training), sequences.num_items
    )
    result = {"popularity": _metrics(rank_by_popularity(data.test_dataloader(), counts), ks)}
    if isinstance(data.source, KnownTruth):
        result["optimum"] = _metrics(_rank_by_truth(data, data.source, sequences), ks)
    return result


def _rank_by_truth(data: SequenceDataModule, source: KnownTruth, sequences: Sequences) -> Ranks:
    parts = []
    for batch in data.test_dataloader():
        users = batch.sequences.users.tolist()
        truth = source.probabilities([sequences.history(user)[:-1] for user in users])
        scores = torch.from_numpy(truth)
        targets = batch.sequences.targets
        parts.append(rank_scores(scores, targets, batch.seen_rows, batch.seen_items))
    return join_ranks(parts)


def _metrics(ranks: Ranks, ks: Sequence[int]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for history, values in (("masked", ranks.masked), ("unmasked", ranks.unmasked)):
        metrics = ranking_metrics(ks, prefix=f"{history}/")
        metrics.update(values)
        figures |= {name: float(np.float32(value)) for name, value in metrics.compute().items()}
    return figures
