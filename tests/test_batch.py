"""The ragged batch."""

from dataclasses import fields

import numpy as np
import pytest
import torch

from uniseq.batch import Histories, RankingBatch, TrainingBatch


def test_histories_lie_end_to_end():
    histories = Histories.from_histories([[5, 3, 3], [8], [0, 1]])
    assert histories.items.tolist() == [5, 3, 3, 8, 0, 1]
    assert histories.offsets.tolist() == [0, 3, 4, 6]
    assert histories.lengths.tolist() == [3, 1, 2]
    assert histories.users.tolist() == [0, 1, 2]
    tensors = (histories.items, histories.offsets, histories.users)
    assert {x.dtype for x in tensors} == {torch.int64}
    assert isinstance(histories.lengths, np.ndarray)


def test_offsets_cut_the_histories_out_again():
    lists = [[7], [1, 2, 3, 4], [9, 9]]
    histories = Histories.from_histories(lists)
    cut = [
        histories.items[begin:end].tolist()
        for begin, end in zip(histories.offsets[:-1], histories.offsets[1:], strict=True)
    ]
    assert cut == lists


def test_numpy_arrays_make_the_same_histories():
    lists = Histories.from_histories([[4, 2], [7]])
    arrays = Histories.from_histories([np.array([4, 2]), np.array([7])])
    assert lists.items.tolist() == arrays.items.tolist()
    assert lists.offsets.tolist() == arrays.offsets.tolist()


@pytest.mark.parametrize("lists", [[], [[]], [[1, 2], []]])
def test_an_empty_history_or_batch_is_refused(lists):
    with pytest.raises(ValueError, match="every history needs at least one item"):
        Histories.from_histories(lists)


def test_what_a_backbone_sees_holds_nothing_to_be_predicted():
    assert [field.name for field in fields(Histories)] == ["items", "offsets", "lengths", "users"]


def training_batch():
    return TrainingBatch(
        histories=Histories.from_histories([[1, 2], [3]]),
        targets=torch.tensor([2, 4, 5]),
        negatives=torch.tensor([[7, 8], [8, 9], [9, 7]]),
        all_positions=True,
        owned=torch.eye(3, dtype=torch.bool),
        shares=(2, 1),
    )


def ranking_batch():
    return RankingBatch(
        histories=Histories.from_histories([[1, 2], [3]]),
        targets=torch.tensor([4, 5]),
        seen_rows=torch.tensor([0, 0, 1]),
        seen_items=torch.tensor([1, 2, 3]),
        shares=(1, 1),
    )


def test_triplets_are_counted_by_their_targets():
    assert training_batch().num_triplets == 3


@pytest.mark.parametrize("make", [training_batch, ranking_batch])
def test_moving_takes_every_tensor_and_leaves_the_rest_on_the_host(make):
    batch = make()
    moved = batch.to("meta")
    for one, other in ((batch, moved), (batch.histories, moved.histories)):
        for field in fields(one):
            before, after = getattr(one, field.name), getattr(other, field.name)
            if isinstance(before, torch.Tensor):
                assert before.device.type == "cpu"
                assert after.device.type == "meta"
                assert (after.shape, after.dtype) == (before.shape, before.dtype)
            elif field.name != "histories":
                assert after is before


@pytest.mark.parametrize("make", [training_batch, ranking_batch])
def test_moving_to_where_it_is_copies_nothing(make):
    batch = make()
    assert batch.to(torch.device("cpu")) is batch


@pytest.mark.parametrize("make", [training_batch, ranking_batch])
def test_a_batch_is_not_changed_in_place(make):
    with pytest.raises(AttributeError):
        make().targets = torch.zeros(3)
