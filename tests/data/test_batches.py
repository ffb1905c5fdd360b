import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.data.cases import (
    history_lists,
    make_sequences,
    negatives_of,
    ranking_batches,
    samples_of,
)
from tests.references import batch_histories, prefix_samples, ranking_samples, whole_samples
from uniseq.batch import RankingBatch
from uniseq.data.batches import EpochBatches, RankingBatches, TrainingBatches
from uniseq.data.samples import Prefixes, WholeSequences
from uniseq.data.split import HeldOut
from uniseq.distributed import Share

sizes = st.integers(1, 7)
SCHEMES = [Prefixes, WholeSequences]


def epoch_of(
    histories, scheme, max_length=50, batch_size=4, count=1, seed=0, epoch=0, owned=False, **options
):
    """All batches of one epoch."""
    sequences = make_sequences(histories)
    samples = samples_of(scheme, sequences, max_length, **options)
    draws = EpochBatches(samples, batch_size, seed)
    draws.set_epoch(epoch)
    batches = TrainingBatches(sequences, samples, negatives_of(sequences), count, owned)
    return [batches[draw] for draw in draws]


def content(batch):
    """The batch as plain values."""
    return (
        batch_histories(batch),
        batch.targets.tolist(),
        batch.negatives.tolist(),
        batch.histories.users.tolist(),
    )


@given(history_lists, sizes, sizes, sizes)
def test_prefix_batches_hold_the_samples_of_a_slow_loop(histories, max_length, batch_size, count):
    found = []
    for batch in epoch_of(histories, Prefixes, max_length, batch_size, count):
        inputs, targets, negatives, users = content(batch)
        assert not batch.all_positions
        assert batch.num_triplets == len(inputs)
        assert batch.negatives.shape == (len(inputs), count)
        assert batch.histories.lengths.tolist() == [len(history) for history in inputs]
        for user, row in zip(users, negatives, strict=True):
            assert not set(row) & set(histories[user])
        found += zip(users, inputs, targets, strict=True)
    assert sorted(found) == sorted(prefix_samples(histories, max_length))


@given(history_lists, sizes, sizes, sizes)
def test_whole_batches_hold_the_samples_of_a_slow_loop(histories, max_length, batch_size, count):
    found = []
    for batch in epoch_of(histories, WholeSequences, max_length, batch_size, count):
        inputs, targets, negatives, users = content(batch)
        assert batch.all_positions
        assert batch.num_triplets == len(batch.histories.items) == sum(batch.histories.lengths)
        assert batch.negatives.shape == (len(batch.histories.items), count)
        for user, history in zip(users, inputs, strict=True):
            found.append((user, history, [targets.pop(0) for _ in history]))
            for _ in history:
                assert not set(negatives.pop(0)) & set(histories[user])
    assert sorted(found) == sorted(whole_samples(histories, max_length))


@given(history_lists, st.sampled_from([1, 2]), sizes, sizes)
def test_ranking_batches_agree_with_a_slow_loop(histories, held_out, max_length, batch_size):
    batches = ranking_batches(make_sequences(histories), held_out, max_length)
    found = []
    for start in range(0, len(histories), batch_size):
        users = range(start, min(start + batch_size, len(histories)))
        batch = batches[users]
        assert batch.histories.users.tolist() == list(users)
        pairs = list(zip(batch.seen_rows.tolist(), batch.seen_items.tolist(), strict=True))
        assert len(pairs) == len(set(pairs))
        seen = [{item for owner, item in pairs if owner == row} for row in range(len(users))]
        targets = batch.targets.tolist()
        found += zip(batch_histories(batch), targets, seen, strict=True)
    assert found == ranking_samples(histories, held_out, max_length)


def test_a_ranking_batch_by_hand():
    sequences = make_sequences([[1, 1, 1], [5, 3, 5, 4, 6, 2]])
    batch = ranking_batches(sequences, 2, max_length=2)[range(0, 2)]
    assert batch_histories(batch) == [[1], [5, 4]]
    assert batch.targets.tolist() == [1, 6]
    assert batch.seen_rows.tolist() == [0, 1, 1, 1]
    assert batch.seen_items.tolist() == [1, 3, 4, 5]


HISTORIES = [[0, 1, 2, 3, 4, 5], [6, 5, 4, 3, 2], [1, 3, 5, 7, 0, 2, 4]] * 4


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_epoch_depends_on_seed_and_epoch_alone(scheme):
    def epoch(**where):
        return [content(batch) for batch in epoch_of(HISTORIES, scheme, **where)]

    assert epoch(seed=1, epoch=2) == epoch(seed=1, epoch=2)
    assert epoch(seed=1, epoch=2) != epoch(seed=1, epoch=3)
    assert epoch(seed=1, epoch=2) != epoch(seed=2, epoch=2)
    assert epoch(seed=1, epoch=2) != epoch(seed=2, epoch=1)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_order_of_the_samples_differs_between_epochs_and_seeds(scheme):
    def order(seed, epoch):
        batches = epoch_of(HISTORIES, scheme, seed=seed, epoch=epoch)
        return tuple(user for batch in batches for user in batch.histories.users.tolist())

    assert len({order(0, 0), order(0, 1), order(1, 0), order(1, 1)}) == 4


@pytest.mark.parametrize("scheme", SCHEMES)
def test_negatives_differ_between_epochs_and_between_batches(scheme):
    # One user whose one sample comes in each batch: only the negatives can differ.
    sequences = make_sequences([[0, 1, 2, 3]], num_items=1000)
    samples = samples_of(scheme, sequences, 50)
    batches = TrainingBatches(sequences, samples, negatives_of(sequences), 20)
    drawn = []
    for epoch in range(5):
        draws = EpochBatches(samples, 1, seed=0)
        draws.set_epoch(epoch)
        drawn += [tuple(batches[draw].negatives.flatten().tolist()) for draw in draws]
    assert len(set(drawn)) == 5
    [first, second] = epoch_of([[0, 1, 2, 3]] * 2, Prefixes, batch_size=1, count=20)
    assert first.negatives.tolist() != second.negatives.tolist()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_batch_is_the_same_alone_as_in_its_epoch(scheme):
    sequences = make_sequences(HISTORIES)
    samples = samples_of(scheme, sequences, 50)
    batches = TrainingBatches(sequences, samples, negatives_of(sequences), 2)
    draws = list(EpochBatches(samples, 8, seed=4))
    assert len(draws) == len(EpochBatches(samples, 8, seed=4)) > 2
    in_order = [content(batches[draw]) for draw in draws]
    assert [content(batches[draw]) for draw in reversed(draws)] == in_order[::-1]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_indices_are_64_bit_integers_as_torch_wants_them(scheme):
    batch = epoch_of(HISTORIES, scheme)[0]
    ranked = ranking_batches(make_sequences(HISTORIES), 1, 50)[range(0, 3)]
    tensors = [batch.targets, batch.negatives, ranked.targets, ranked.seen_rows, ranked.seen_items]
    for histories in (batch.histories, ranked.histories):
        tensors += [histories.items, histories.offsets, histories.users]
    assert {tensor.dtype for tensor in tensors} == {torch.long}


def test_moving_a_batch_keeps_everything():
    batch = epoch_of(HISTORIES, WholeSequences, owned=True)[0]
    assert batch.to("cpu") is batch
    moved = batch.to("meta")
    assert moved.histories.lengths is batch.histories.lengths
    assert moved.all_positions
    for name in ("targets", "negatives", "owned"):
        tensor = getattr(moved, name)
        assert tensor.device.type == "meta"
        assert tensor.shape == getattr(batch, name).shape
        assert tensor.dtype == getattr(batch, name).dtype


def test_moving_a_ranking_batch_keeps_everything():
    batch = ranking_batches(make_sequences(HISTORIES), 1, 50)[range(2, 6)]
    stays, moved = batch.to("cpu"), batch.to("meta")
    assert stays is batch
    assert isinstance(moved, RankingBatch)
    for tensor, whole in (
        (moved.seen_items, batch.seen_items),
        (moved.seen_rows, batch.seen_rows),
        (moved.histories.items, batch.histories.items),
    ):
        assert tensor.device.type == "meta"
        assert tensor.shape == whole.shape


def slow_owned(histories, batch):
    """Whether each triplet's user has each triplet's target, by a double loop."""
    users, lengths = batch.histories.users.tolist(), batch.histories.lengths.tolist()
    times = lengths if batch.all_positions else [1] * len(users)
    owners = [user for user, n in zip(users, times, strict=True) for _ in range(n)]
    targets = batch.targets.tolist()
    return [[target in histories[user] for target in targets] for user in owners]


@pytest.mark.parametrize("scheme", SCHEMES)
@given(histories=history_lists, max_length=sizes, batch_size=st.integers(1, 40))
def test_what_users_own_of_the_targets_is_the_double_loop(
    scheme, histories, max_length, batch_size
):
    for batch in epoch_of(histories, scheme, max_length, batch_size, owned=True):
        assert batch.owned.dtype == torch.bool
        assert batch.owned.tolist() == slow_owned(histories, batch)
        assert batch.owned.diagonal().all()


@given(histories=history_lists, batch_size=st.integers(1, 40))
def test_what_users_own_counts_for_empty_histories_too(histories, batch_size):
    for batch in epoch_of(
        histories, Prefixes, batch_size=batch_size, owned=True, empty_history=True
    ):
        assert batch.owned.tolist() == slow_owned(histories, batch)


def test_what_users_own_by_hand():
    # Held-out items are owned too: the first user's 2 is the second user's target.
    histories = [[0, 1, 4, 2], [3, 2, 5, 6], [7, 1, 7, 1]]
    (batch,) = epoch_of(histories, Prefixes, owned=True)
    order = batch.histories.users.argsort()
    assert batch.targets[order].tolist() == [1, 2, 1]
    assert batch.owned[order][:, order].tolist() == [
        [True, True, True],
        [False, True, False],
        [True, False, True],
    ]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_users_own_is_left_out_unless_asked_for_and_changes_nothing_else(scheme):
    without, asked = epoch_of(HISTORIES, scheme), epoch_of(HISTORIES, scheme, owned=True)
    assert all(batch.owned is None for batch in without)
    assert [content(batch) for batch in without] == [content(batch) for batch in asked]


@given(history_lists, sizes, sizes)
def test_an_empty_history_is_the_start_token_alone(histories, max_length, batch_size):
    token = make_sequences(histories).num_items
    found = []
    for batch in epoch_of(histories, Prefixes, max_length, batch_size, empty_history=True):
        inputs, targets, negatives, users = content(batch)
        assert batch.histories.lengths.tolist() == [len(history) for history in inputs]
        # The token is read, and never a target or a negative.
        assert max(targets) < token > max(max(row) for row in negatives)
        found += zip(users, inputs, targets, strict=True)
    firsts = [(user, [token], history[0]) for user, history in enumerate(histories)]
    assert sorted(found) == sorted(prefix_samples(histories, max_length) + firsts)


def test_shares_put_end_to_end_are_the_whole_of_all_processes():
    sequences = make_sequences(HISTORIES)
    held_out = HeldOut(np.arange(sequences.num_users), sequences.offsets[1:] - 1)
    parts = [RankingBatches(sequences, held_out, 50, Share(rank, 3)) for rank in range(3)]
    rows = range(2, 9)
    shared, whole = [part[rows] for part in parts], parts[1].whole()[rows]
    assert whole.shares is None
    assert [batch.shares for batch in shared] == [(2, 2, 3)] * 3
    assert [len(batch.targets) for batch in shared] == [2, 2, 3]
    assert [h for batch in shared for h in batch_histories(batch)] == batch_histories(whole)
    assert torch.cat([batch.targets for batch in shared]).tolist() == whole.targets.tolist()
