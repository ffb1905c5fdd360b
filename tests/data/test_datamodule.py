from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning.pytorch import LightningModule, Trainer

from tests.data.cases import ListSource, tiny_synthetic
from tests.references import batch_histories, prefix_samples, ranking_samples, whole_samples
from uniseq.data.datamodule import SequenceDataModule
from uniseq.errors import ConfigError, DataError


def histories_of(data):
    return [data.sequences.history(user).tolist() for user in range(data.sequences.num_users)]


def test_prefixes_from_source_to_batch():
    data = SequenceDataModule(tiny_synthetic(), batch_size=32, max_length=5, negatives=3, seed=1)
    loader = data.train_dataloader()
    found = []
    for batch in loader:
        assert batch.negatives.shape == (batch.num_triplets, 3)
        inputs = batch_histories(batch)
        found += zip(batch.histories.users.tolist(), inputs, batch.targets.tolist(), strict=True)
    assert sorted(found) == sorted(prefix_samples(histories_of(data), 5))
    assert len(loader) == -(-len(found) // 32)


def test_whole_sequences_from_source_to_batch():
    data = SequenceDataModule(tiny_synthetic(), batch_size=32, samples="sequences", max_length=5)
    loader = data.train_dataloader()
    batches = list(loader)
    assert len(batches) == len(loader)
    users = torch.cat([batch.histories.users for batch in batches]).tolist()
    inputs = [history for batch in batches for history in batch_histories(batch)]
    targets = torch.cat([batch.targets for batch in batches]).tolist()
    found = [
        (user, history, [targets.pop(0) for _ in history])
        for user, history in zip(users, inputs, strict=True)
    ]
    assert sorted(found) == sorted(whole_samples(histories_of(data), 5))


@pytest.mark.parametrize("samples", ["prefixes", "sequences"])
def test_validation_and_test_rank_every_user_once_in_order(samples):
    data = SequenceDataModule(tiny_synthetic(), samples=samples, max_length=4, eval_batch_size=16)
    for loader, held_out in ((data.val_dataloader(), 2), (data.test_dataloader(), 1)):
        found = []
        for batch in loader:
            rows, items = batch.seen_rows, batch.seen_items
            seen = [set(items[rows == row].tolist()) for row in range(len(batch.histories.users))]
            targets = batch.targets.tolist()
            found += zip(batch_histories(batch), targets, seen, strict=True)
        assert len(loader) == 4
        assert found == ranking_samples(histories_of(data), held_out, 4)


def test_the_source_is_loaded_once():
    class Counting(ListSource):
        loaded = 0

        def load(self):
            self.loaded += 1
            return super().load()

    source = Counting([[0, 1, 2, 3, 4]] * 3)
    data = SequenceDataModule(source)
    assert source.loaded == 0
    for loader in (data.train_dataloader(), data.val_dataloader(), data.test_dataloader()):
        assert len(list(loader)) == 1
    assert source.loaded == 1


class Watcher(LightningModule):
    """Trains nothing and notes which users and negatives each epoch brings."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.epochs = {}

    def training_step(self, batch):
        seen = self.epochs.setdefault(self.current_epoch, [])
        seen.append((batch.histories.users.tolist(), batch.negatives.tolist()))
        return 0.0 * self.weight

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_the_trainer_gives_each_epoch_its_own_order():
    data = SequenceDataModule(tiny_synthetic(), batch_size=64, seed=3)
    watched = []
    for _ in range(2):
        watcher = Watcher()
        trainer = Trainer(
            max_epochs=2,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(watcher, data.train_dataloader())
        watched.append(watcher.epochs)
    assert watched[0] == watched[1]
    assert watched[0][0] != watched[0][1]
    loader = data.train_dataloader()
    loader.sampler.set_epoch(1)
    assert [(b.histories.users.tolist(), b.negatives.tolist()) for b in loader] == watched[0][1]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("batch_size", 0),
        ("max_length", 0),
        ("negatives", 0),
        ("eval_batch_size", -3),
        ("eval_users", 0),
        ("samples", "prefix"),
        ("seed", -1),
        ("split", "random"),
        ("repeats", "twice"),
        ("negatives_power", -0.5),
        ("negatives_power", float("inf")),
        ("negatives_power", float("nan")),
        ("held_out_share", 0.0),
        ("held_out_share", 0.5),
        ("held_out_share", float("nan")),
    ],
)
def test_a_size_that_cannot_work_is_named_by_its_key(key, value):
    with pytest.raises(ConfigError) as caught:
        SequenceDataModule(ListSource([[0, 1, 2, 3]]), **{key: value})
    assert str(caught.value).startswith(f"{key}: must be ")
    assert str(value) in str(caught.value)
    assert caught.value.key == key
    assert str(caught.value.under("dataset")).startswith(f"dataset.{key}: must be ")


def test_a_history_too_short_to_split_names_the_user():
    data = SequenceDataModule(ListSource([[0, 1, 2], [3, 4], [5]]))
    with pytest.raises(DataError) as caught:
        data.val_dataloader()
    assert str(caught.value).startswith("lists: user 102 has 2 interactions, too few to split (3")
    assert "2 user(s) are too short" in str(caught.value)


@pytest.mark.parametrize("samples", ["prefixes", "sequences"])
def test_data_without_any_training_sample_are_refused(samples):
    # Three interactions each: a first item, whose history is empty, and the two held out.
    data = SequenceDataModule(ListSource([[0, 1, 2], [3, 4, 5]]), samples=samples)
    with pytest.raises(DataError, match="lists: "):
        list(data.train_dataloader())


@pytest.mark.parametrize("samples", ["prefixes", "sequences"])
def test_a_user_without_a_training_sample_is_still_ranked(samples):
    data = SequenceDataModule(ListSource([[0, 1, 2], [3, 4, 5, 6]]), samples=samples)
    [batch] = data.train_dataloader()
    assert batch_histories(batch) == [[3]]
    assert (batch.histories.users.tolist(), batch.targets.tolist()) == ([1], [4])
    [ranked] = data.val_dataloader()
    assert batch_histories(ranked) == [[0], [3, 4]]
    assert ranked.targets.tolist() == [1, 5]


def test_empty_histories_need_prefixes():
    with pytest.raises(ConfigError, match=r"^empty_history: needs samples=prefixes"):
        SequenceDataModule(ListSource([[0, 1, 2, 3]]), samples="sequences", empty_history=True)


@pytest.mark.parametrize("batch_size", [1, 64])
def test_an_empty_history_makes_a_sample_of_each_first_interaction(batch_size):
    histories = [[0, 1, 2, 3, 4], [5, 6, 7]]
    data = SequenceDataModule(ListSource(histories), batch_size=batch_size, empty_history=True)
    batches = list(data.train_dataloader())
    inputs = [history for batch in batches for history in batch_histories(batch)]
    targets = [target for batch in batches for target in batch.targets.tolist()]
    # The second user has no other sample; 9 is the start token.
    expected = [([0], 1), ([0, 1], 2), ([9], 0), ([9], 5)]
    assert sorted(zip(inputs, targets, strict=True)) == expected
    (ranked,) = data.test_dataloader()
    assert batch_histories(ranked) == [[0, 1, 2, 3], [5, 6]]


class TimedLog(ListSource):
    """Users with 0 to 9 interactions at random moments; each interaction an item of its own.

    Items 0 … 9 are nobody's.
    """

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.times = [np.sort(rng.integers(60, size=n)) for n in rng.integers(10, size=40)]
        ends = 10 + np.cumsum([len(times) for times in self.times])
        histories = [
            list(range(end - len(times), end)) for end, times in zip(ends, self.times, strict=True)
        ]
        super().__init__(histories, int(ends[-1]))

    def load(self):
        return replace(super().load(), times=np.concatenate(self.times))


def periods(source, data):
    """For each held-out part {user: (history before, target)}, and what trains, by loops."""
    flat = [time for times in source.times for time in times.tolist()]
    first, second = np.quantile(flat, [1 - 2 * data.held_out_share, 1 - data.held_out_share])
    train, validation, test = [], {}, {}
    for user, (history, times) in enumerate(zip(source.histories, source.times, strict=True)):
        train.append([item for item, time in zip(history, times, strict=True) if time < first])
        for begin, end, part in ((first, second, validation), (second, np.inf, test)):
            inside = [n for n, time in enumerate(times) if begin <= time < end]
            if inside and inside[0] > 0:
                part[user] = history[: inside[0]], history[inside[0]]
    return train, validation, test


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "options",
    [{}, {"empty_history": True}, {"samples": "sequences"}, {"negatives_power": 0.75}],
    ids=str,
)
def test_split_by_time_from_source_to_batch(seed, options):
    source = TimedLog(seed)
    data = SequenceDataModule(
        source, 16, split="time", held_out_share=0.2, max_length=3, eval_batch_size=7, **options
    )
    train, *held_out = periods(source, data)
    for loader, expected in zip(
        (data.val_dataloader(), data.test_dataloader()), held_out, strict=True
    ):
        found = {}
        for batch in loader:
            inputs = batch_histories(batch)
            for row, user in enumerate(batch.histories.users.tolist()):
                before, _ = expected[user]
                assert inputs[row] == before[-3:]
                assert batch.seen_items[batch.seen_rows == row].tolist() == before
                found[user] = batch.targets[row].item()
        assert found == {user: target for user, (_, target) in expected.items()}
    trained = {item for part in train for item in part}
    pairs = set()
    for batch in data.train_dataloader(owned=True):
        inputs = batch_histories(batch)
        read = {item for history in inputs for item in history} - {data.sequences.num_items}
        targets = batch.targets.tolist()
        assert read | set(targets) <= trained
        if options.get("negatives_power"):
            assert set(batch.negatives.flatten().tolist()) <= trained
        # Each interaction is an item of its own: a user owns the targets that are their own.
        own = [
            user
            for user, history in zip(batch.histories.users.tolist(), inputs, strict=True)
            for _ in (history if batch.all_positions else [0])
        ]
        assert batch.owned.tolist() == [[t in source.histories[u] for t in targets] for u in own]
        pairs |= set(targets)
    skipped = 0 if options.get("empty_history") else 1
    last = 3 if "samples" in options else 99
    assert pairs == {item for part in train for item in part[skipped:][-last:]}
    assert data.training_items.tolist() == [item for part in train for item in part]


def test_split_by_time_needs_times():
    data = SequenceDataModule(ListSource([[0, 1, 2, 3]] * 3), split="time")
    with pytest.raises(DataError, match="has no times"):
        data.train_dataloader()


def test_repeats_are_dropped_before_the_split():
    histories = [[0, 1, 0, 2, 3, 2, 3], [4, 5, 6, 7, 7]]
    data = SequenceDataModule(ListSource(histories), repeats="drop", batch_size=8)
    assert histories_of(data) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    (ranked,) = data.test_dataloader()
    assert ranked.targets.tolist() == [3, 7]
    kept = SequenceDataModule(ListSource(histories))
    assert histories_of(kept) == histories
    assert kept.sequences.fingerprint != data.sequences.fingerprint


def test_a_history_that_is_too_short_without_its_repeats_is_named():
    data = SequenceDataModule(ListSource([[0, 1, 2], [3, 3, 4, 4]]), repeats="drop")
    with pytest.raises(DataError, match="user 102 has 2 interactions"):
        data.test_dataloader()


def test_users_who_are_too_short_without_their_repeats_can_be_left_out():
    source = ListSource([[0, 1, 2], [3, 3, 4, 4], [4, 1, 4, 0, 2]])
    with pytest.raises(DataError, match=r"leave them out with dataset\.short_histories=drop"):
        SequenceDataModule(source, repeats="drop").test_dataloader()
    data = SequenceDataModule(source, repeats="drop", short_histories="drop")
    assert histories_of(data) == [[0, 1, 2], [4, 1, 0, 2]]
    assert data.sequences.user_ids.tolist() == source.load().user_ids[[0, 2]].tolist()
    (ranked,) = data.test_dataloader()
    assert ranked.targets.tolist() == [2, 2]
    all_kept = SequenceDataModule(source, repeats="drop").sequences.fingerprint
    assert data.sequences.fingerprint != all_kept
    whole = SequenceDataModule(source)
    none_left_out = SequenceDataModule(source, short_histories="drop")
    assert none_left_out.sequences.fingerprint == whole.sequences.fingerprint
