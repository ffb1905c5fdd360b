"""Whole runs under other protocols: split by time, start token, popular negatives, in-batch."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from tests import config_runs
from tests.backbones.cases import sasrec
from tests.config_runs import TINY, composed
from tests.data.cases import ListSource, make_sequences
from uniseq.backbones import SASRec
from uniseq.batch import Histories
from uniseq.config.recipes import recipe
from uniseq.data.datamodule import SequenceDataModule
from uniseq.data.sequences import Sequences
from uniseq.errors import DataError
from uniseq.losses import BCELoss, InfoNCELoss, UniformityLoss
from uniseq.similarity import Cosine
from uniseq.training.module import SequentialRecommender
from uniseq.training.train import train


def run(folder: Path, *overrides: str):
    return config_runs.run(folder, "trainer.max_epochs=1", *overrides)


class TimedLog:
    """Users with 1 to 9 interactions at random moments: many are too short for leave-one-out."""

    def load(self) -> Sequences:
        rng = np.random.default_rng(0)
        counts = rng.integers(1, 10, size=80)
        sequences = make_sequences([rng.integers(40, size=n).tolist() for n in counts], 40)
        times = [np.sort(rng.integers(10**9, 2 * 10**9, size=n)) for n in counts]
        return replace(sequences, times=np.concatenate(times))


TIMED = (
    "dataset=custom",
    "dataset.source._target_=tests.training.test_protocol.TimedLog",
    "dataset.split=time",
    "dataset.held_out_share=.15",
)


def test_a_run_split_by_time_ranks_the_users_of_the_test_period(tmp_path):
    tiny = [o for o in TINY if not o.startswith("dataset.")]
    overrides = [*tiny, *TIMED, "trainer.max_epochs=1", f"results_dir={tmp_path}"]
    record = train(recipe(composed(overrides)), tmp_path)
    data = SequenceDataModule(TimedLog(), split="time", held_out_share=0.15)
    ranks = np.load(tmp_path / record.ranks_file)
    assert 0 < len(data.split.test.users) < 80
    assert ranks["masked"].shape == data.split.test.users.shape
    assert record.test["unmasked/HR@10"] == pytest.approx((ranks["unmasked"] <= 10).mean())
    leaks = record.dataset["leave_one_out_leaks"]
    assert 0 < leaks["training_after_test"] < leaks["tests_with_later_training"] <= 1


def test_a_run_with_a_start_token(tmp_path):
    record = run(tmp_path, "dataset.empty_history=true")
    assert record.status == "finished"
    state = torch.load(
        next((tmp_path / "checkpoints").glob("*.ckpt")), map_location="cpu", weights_only=True
    )["state_dict"]
    assert len(state["items.weight"]) == record.dataset["items"] + 1
    ranks = np.load(tmp_path / record.ranks_file)
    # The token is no candidate: no rank goes beyond the number of items.
    assert ranks["unmasked"].max() <= record.dataset["items"]


@pytest.mark.parametrize(
    "overrides",
    [
        ("loss=uniform", "loss/rec=infonce", "loss.rec.mask=user"),
        ("loss=infonce", "loss.mask=user", "dataset.samples=sequences", "dataset.negatives=3"),
    ],
    ids=["uniform", "infonce"],
)
def test_a_run_whose_loss_asks_for_what_users_own(tmp_path, overrides):
    record = run(tmp_path, *overrides)
    assert record.status == "finished"
    (epoch,) = record.epochs
    assert 0 < epoch["train/rec"] < np.log(300) + 20  # cosines add at most 2/τ to equal scores
    if "loss=uniform" in overrides:
        assert epoch["train/loss"] == pytest.approx(
            epoch["train/rec"] + 0.05 * (epoch["train/hom"] + epoch["train/het"]), rel=1e-4
        )
    else:
        assert epoch["train/loss"] == epoch["train/rec"]


def test_a_run_with_popular_negatives_and_without_repeats(tmp_path):
    record = run(tmp_path, "dataset.negatives_power=.75", "dataset.repeats=drop")
    assert record.status == "finished"
    # The generator draws no repeats, but the data are others by name.
    assert not record.dataset["fingerprint"].startswith("synthetic-")
    assert record.dataset["users"] == 120


def test_a_run_split_by_time_without_times_says_so(tmp_path):
    with pytest.raises(DataError, match="has no times to split by"):
        run(tmp_path, "dataset.split=time")


def module_with_token(num_items, backbone=None, loss=None):
    torch.manual_seed(0)
    return SequentialRecommender(
        backbone=backbone or sasrec(dropout=0.0, attention_dropout=0.0),
        similarity=Cosine(),
        loss=loss or UniformityLoss(BCELoss(), beta=0.1),
        optimizer=partial(torch.optim.Adam, lr=1e-3),
        num_items=num_items,
        start_token=True,
    )


@pytest.mark.parametrize("loss", [None, InfoNCELoss(mask="user")], ids=["uniform", "infonce"])
def test_the_start_token_is_trained_and_never_ranked(loss):
    data = SequenceDataModule(ListSource([[0, 1, 2, 3, 4], [5, 6, 7]]), empty_history=True)
    module = module_with_token(data.sequences.num_items, loss=loss)
    (batch,) = data.train_dataloader(owned=loss is not None)
    token = module.num_items
    assert token in batch.histories.items.tolist()
    triplets = module.triplets(batch)
    assert triplets.items.shape[0] == token
    module.training_step(batch).backward()
    assert module.items.weight.grad[token].norm() > 0
    assert module.item_vectors().shape[0] == token
    assert torch.equal(triplets.items, module.items.weight[:token])


def test_the_start_token_stands_for_an_empty_history():
    # All empty histories are read alike, and as their token says.
    module = module_with_token(9, SASRec(dim=8, layers=1, max_length=5)).eval()
    with torch.no_grad():
        alone = module(Histories.from_histories([[9]]))
        beside = module(Histories.from_histories([[1, 2, 3], [9], [9]]))
        module.items.weight[9] = module.items.weight[1]
        as_item = module(Histories.from_histories([[9], [1]]))
    torch.testing.assert_close(beside[1:], alone.expand(2, -1), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(as_item[0], as_item[1])
