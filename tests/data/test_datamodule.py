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
        found += zip(batch.users.tolist(), inputs, batch.targets.tolist(), strict=True)
    assert sorted(found) == sorted(prefix_samples(histories_of(data), 5))
    assert len(loader) == -(-len(found) // 32)


def test_whole_sequences_from_source_to_batch():
    data = SequenceDataModule(tiny_synthetic(), batch_size=32, samples="sequences", max_length=5)
    loader = data.train_dataloader()
    batches = list(loader)
    assert len(batches) == len(loader)
    users = torch.cat([batch.users for batch in batches]).tolist()
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
            seen = [set(items[rows == row].tolist()) for row in range(len(batch.sequences.users))]
            targets = batch.sequences.targets.tolist()
            found += zip(batch_histories(batch.sequences), targets, seen, strict=True)
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
        seen.append((batch.users.tolist(), batch.negatives.tolist()))
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
    assert [(b.users.tolist(), b.negatives.tolist()) for b in loader] == watched[0][1]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("batch_size", 0),
        ("max_length", 0),
        ("negatives", 0),
        ("eval_batch_size", -3),
        ("samples", "prefix"),
        ("seed", -1),
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
    assert (batch.users.tolist(), batch.items.tolist(), batch.targets.tolist()) == ([1], [3], [4])
    [ranked] = data.val_dataloader()
    assert batch_histories(ranked.sequences) == [[0], [3, 4]]
    assert ranked.sequences.targets.tolist() == [1, 5]
