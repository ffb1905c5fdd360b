"""Samples of users, and logs that are mapped from disk, from source to batch."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from tests.data.cases import ListSource, tiny_synthetic
from tests.references import batch_histories
from uniseq.data import sequences as implementation
from uniseq.data.datamodule import SequenceDataModule
from uniseq.data.sources import synthetic


def ranked(loader):
    """(user, history, target, seen items) of everybody who is ranked."""
    found = []
    for batch in loader:
        rows, items = batch.seen_rows, batch.seen_items
        for row, user in enumerate(batch.histories.users.tolist()):
            history = batch_histories(batch)[row]
            target = batch.targets[row].item()
            found.append((user, history, target, items[rows == row].tolist()))
    return found


def test_a_sample_of_users_is_ranked_as_among_all():
    whole = SequenceDataModule(tiny_synthetic(), eval_batch_size=16)
    sampled = SequenceDataModule(tiny_synthetic(), eval_batch_size=16, eval_users=20, seed=9)
    for part in ("val", "test"):
        everybody = ranked(getattr(whole, f"{part}_dataloader")())
        some = ranked(getattr(sampled, f"{part}_dataloader")())
        users = [user for user, *_ in some]
        assert len(users) == 20
        assert users == sorted(set(users))
        assert some == [entry for entry in everybody if entry[0] in users]
    assert sampled.split.validation.users.tolist() == sampled.split.test.users.tolist()


def test_runs_of_other_seeds_and_options_rank_the_same_sample():
    def users(**options):
        data = SequenceDataModule(tiny_synthetic(), eval_users=20, **options)
        return data.split.test.users.tolist()

    assert users(seed=1) == users(seed=2, samples="sequences", max_length=3, eval_batch_size=2)


def test_a_sample_larger_than_the_part_is_everybody():
    data = SequenceDataModule(tiny_synthetic(), eval_users=1000)
    assert data.split.test.users.tolist() == list(range(50))


def test_a_sample_changes_nothing_that_trains():
    whole, sampled = (SequenceDataModule(tiny_synthetic(), eval_users=n) for n in (None, 5))
    for first, second in zip(whole.train_dataloader(), sampled.train_dataloader(), strict=True):
        assert first.histories.items.tolist() == second.histories.items.tolist()
        assert first.negatives.tolist() == second.negatives.tolist()


@pytest.mark.parametrize("samples", ["prefixes", "sequences"])
def test_mapped_histories_make_the_batches_of_those_in_memory(tmp_path, monkeypatch, samples):
    monkeypatch.setenv("UNISEQ_CACHE_DIR", str(tmp_path))

    def everything():
        data = SequenceDataModule(tiny_synthetic(), samples=samples, negatives_power=0.5)
        trained = [
            (batch_histories(b), b.targets.tolist(), b.negatives.tolist(), b.owned.tolist())
            for b in data.train_dataloader(owned=True)
        ]
        return trained, ranked(data.val_dataloader()), ranked(data.test_dataloader())

    in_memory = everything()
    monkeypatch.setattr(synthetic, "MAPPED", 0)
    monkeypatch.setattr(implementation, "BLOCK", 64)
    assert everything() == in_memory


def test_a_large_log_is_never_copied_at_eight_bytes_an_interaction(tmp_path, monkeypatch):
    class Long:
        """Users with 100 interactions each, on disk."""

        def load(self):
            np.save(tmp_path / "items.npy", np.arange(1_000_000, dtype=np.int32) % 3001)
            np.save(tmp_path / "offsets.npy", np.arange(0, 1_000_001, 100))
            items, offsets = (
                np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("items", "offsets")
            )
            users = np.arange(len(offsets) - 1)
            return replace(
                ListSource([[0]], 3001).load(), items=items, offsets=offsets, user_ids=users
            )

    monkeypatch.setattr(implementation, "BLOCK", 2**14)
    data = SequenceDataModule(Long(), eval_users=100)
    assert len(data.sequences.items) == 10**6
    tracemalloc.start()
    loader = data.train_dataloader()
    trained = next(iter(loader))
    tested = next(iter(data.test_dataloader()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert trained.num_triplets == 256
    assert len(tested.targets) == 100
    # The order of the samples takes 4 bytes an interaction.
    assert peak < 8 * 10**6
