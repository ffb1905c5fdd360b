"""The ragged batch."""

import numpy as np
import pytest
import torch

from uniseq.batch import RankingBatch, SequenceBatch


def test_histories_lie_end_to_end():
    batch = SequenceBatch.from_histories([[5, 3, 3], [8], [0, 1]])
    assert batch.items.tolist() == [5, 3, 3, 8, 0, 1]
    assert batch.offsets.tolist() == [0, 3, 4, 6]
    assert batch.lengths.tolist() == [3, 1, 2]
    assert batch.users.tolist() == [0, 1, 2]
    assert {x.dtype for x in (batch.items, batch.offsets, batch.users)} == {torch.int64}
    assert isinstance(batch.lengths, np.ndarray)


def test_offsets_cut_the_histories_out_again():
    histories = [[7], [1, 2, 3, 4], [9, 9]]
    batch = SequenceBatch.from_histories(histories)
    cut = [
        batch.items[begin:end].tolist()
        for begin, end in zip(batch.offsets[:-1], batch.offsets[1:], strict=True)
    ]
    assert cut == histories


def test_a_batch_for_inference_has_nothing_to_predict():
    batch = SequenceBatch.from_histories([[1, 2]])
    assert batch.num_triplets == 0
    assert batch.targets.shape == (0,)
    assert batch.negatives.shape == (0, 0)
    assert batch.all_positions is False


@pytest.mark.parametrize("histories", [[], [[]], [[1, 2], []]])
def test_an_empty_history_or_batch_is_refused(histories):
    with pytest.raises(ValueError, match="at least one item"):
        SequenceBatch.from_histories(histories)


def training_batch():
    batch = SequenceBatch.from_histories([[1, 2], [3]])
    return SequenceBatch(
        items=batch.items,
        offsets=batch.offsets,
        lengths=batch.lengths,
        targets=torch.tensor([2, 4, 5]),
        negatives=torch.tensor([[7, 8], [8, 9], [9, 7]]),
        users=torch.tensor([10, 12]),
        all_positions=True,
    )


def test_triplets_are_counted_by_their_targets():
    assert training_batch().num_triplets == 3


def test_moving_takes_every_tensor_and_leaves_the_lengths_on_the_host():
    batch = training_batch()
    moved = batch.to("meta")
    for name in ("items", "offsets", "targets", "negatives", "users"):
        before, after = getattr(batch, name), getattr(moved, name)
        assert after.device.type == "meta"
        assert (after.shape, after.dtype) == (before.shape, before.dtype)
    assert moved.lengths is batch.lengths
    assert moved.all_positions is True
    assert batch.items.tolist() == [1, 2, 3]


def test_moving_to_where_it_is_keeps_the_values():
    batch = training_batch()
    stayed = batch.to(torch.device("cpu"))
    assert stayed.items.tolist() == [1, 2, 3]
    assert stayed.negatives.tolist() == batch.negatives.tolist()


def test_a_ranking_batch_moves_whole():
    batch = RankingBatch(training_batch(), torch.tensor([0, 0, 1]), torch.tensor([1, 2, 3]))
    moved = batch.to("meta")
    assert moved.histories.items.device.type == "meta"
    assert moved.seen_rows.device.type == moved.seen_items.device.type == "meta"
    assert batch.to("cpu").seen_items.tolist() == [1, 2, 3]


def test_a_batch_is_not_changed_in_place():
    with pytest.raises(AttributeError):
        training_batch().items = torch.zeros(3)
