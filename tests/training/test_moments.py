"""Moments: what is validated, what ends a run, and who was ranked."""

import pytest
import torch
from lightning.pytorch import Callback

from tests.config_runs import composed, run
from uniseq.config.recipes import recipe
from uniseq.data.datamodule import SequenceDataModule
from uniseq.data.sources.benchmark import BenchmarkFile
from uniseq.errors import UniseqError
from uniseq.training.callbacks.early_stopping import Stopping
from uniseq.training.callbacks.epoch_log import EpochLog
from uniseq.training.moments import moment_faults
from uniseq.training.train import train
from uniseq.training.yardsticks import yardsticks


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("+trainer.val_check_interval=0.4", "trainer.val_check_interval: 0.4 validates other"),
        ("+trainer.val_check_interval=1", "trainer.val_check_interval: 1 validates other"),
        ("+trainer.max_steps=12", "trainer.max_steps: 12 may end within an epoch"),
    ],
)
def test_validation_at_another_moment_than_an_epochs_end_is_refused(given, said):
    with pytest.raises(UniseqError, match=f"^{said}.*$"):
        recipe(composed([given]))


def test_an_epochs_end_is_the_moment_however_it_is_said():
    assert [*moment_faults(None, None), *moment_faults(1.0, -1)] == []
    recipe(composed(["+trainer.val_check_interval=1.0", "+trainer.max_steps=-1"]))


class Figures:
    """As much of a trainer as early stopping asks for, with a figure an epoch."""

    def __init__(self, min_epochs=None, min_steps=None):
        self.min_epochs, self.min_steps = min_epochs, min_steps
        self.should_stop, self.sanity_checking, self.fast_dev_run = False, False, False
        self.check_val_every_n_epoch, self.current_epoch, self.global_step = 1, 0, 0
        self.callback_metrics, self.val_check_interval = {}, 1.0
        self.state = type("State", (), {"fn": "fit"})
        self.strategy = type("Alone", (), {"reduce_boolean_decision": lambda _, x, all: x})()

    def run(self, stopping, figures):
        """Epochs until training ends, of ten steps each."""
        stopping.setup(self, None, "fit")
        stopping.on_train_start(self, None)
        for epoch, figure in enumerate(figures):
            self.current_epoch, self.global_step = epoch, 10 * (epoch + 1)
            self.callback_metrics = {"f": torch.tensor(figure)}
            stopping.on_train_epoch_end(self, None)
            if self.should_stop:
                break
        return self.current_epoch + 1


RISING = [0.034, 0.103, 0.103, 0.095, 0.111, 0.12, 0.11, 0.1]


@pytest.mark.parametrize(
    ("least", "epochs"),
    [({}, 3), ({"min_epochs": 5}, 7), ({"min_epochs": 4}, 4), ({"min_steps": 45}, 7)],
)
def test_a_stop_that_is_held_back_is_asked_for_anew(least, epochs):
    stopping = Stopping("f", 1)
    assert Figures(**least).run(stopping, RISING) == epochs
    assert stopping.asked


def test_early_stopping_does_not_claim_an_end_that_it_did_not_ask_for():
    stopping = Stopping("f", 20)
    assert Figures().run(stopping, RISING) == len(RISING)
    assert not stopping.asked


@pytest.mark.parametrize("kept", ["asked", "former"])
def test_what_had_stopped_is_known_after_a_resumption(kept):
    stopping = Stopping("f", 1)
    Figures().run(stopping, RISING)
    state = stopping.state_dict()
    if kept == "former":
        del state["asked"]
    after = Stopping("f", 1)
    after.load_state_dict(state)
    assert after.asked


class Enough(Callback):
    """Ends training after the first epoch."""

    def on_train_epoch_end(self, trainer, pl_module):
        trainer.should_stop = True


class Broken(Callback):
    """Spoils a weight in the last step of the first epoch."""

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if batch_idx == trainer.num_training_batches - 1:
            next(pl_module.backbone.parameters()).data.flatten()[0] = float("nan")


def of_callback(kind):
    return f"+callbacks.own._target_=tests.training.test_moments.{kind.__name__}"


def test_what_ended_training_is_asked_not_deduced(tmp_path):
    record = run(tmp_path / "a", "trainer.max_epochs=5", of_callback(Enough))
    assert (record.stopped, len(record.epochs)) == ("ended by a callback", 1)
    record = run(tmp_path / "b", "+trainer.max_time={milliseconds: 1}")
    assert (record.stopped, record.capped, len(record.epochs)) == ("max_time reached", True, 1)
    record = run(tmp_path / "c", "trainer.max_epochs=1")
    assert (record.stopped, record.capped) == ("cap of 1 epochs reached", True)


def test_a_run_that_ends_before_its_first_validation_says_so(tmp_path):
    every = ("trainer.check_val_every_n_epoch=2", of_callback(Enough))
    with pytest.raises(UniseqError, match=r"^training ended before its first validation .*$"):
        run(tmp_path, "trainer.max_epochs=5", *every)


def test_weights_that_the_last_step_spoilt_are_found(tmp_path):
    with pytest.raises(UniseqError, match=r"^backbone\..* not finite after epoch 0: .* lower"):
        run(tmp_path, "trainer.max_epochs=1", of_callback(Broken))


def test_a_figure_that_is_no_number_is_refused():
    log, module = EpochLog({}, ""), torch.nn.Linear(2, 2)
    module.epoch_means = dict
    trainer = Figures()
    trainer.strategy.barrier = lambda: None
    trainer.callback_metrics = {"val/masked/HR@10": torch.tensor(float("nan"))}
    log._validated = True
    with pytest.raises(UniseqError, match=r"^val/masked/HR@10 is nan in epoch 0"):
        log.on_train_epoch_end(trainer, module)
    assert log.epochs == []


def test_users_are_counted_from_what_was_ranked_and_yardsticks_rank_the_same(tmp_path):
    limits = ("+trainer.limit_test_batches=1", "+trainer.limit_val_batches=2")
    record = run(tmp_path, "trainer.max_epochs=1", "dataset.eval_batch_size=25", *limits)
    assert record.dataset["users"] == 120
    assert record.dataset["ranked_users"] == {"validation": 50, "test": 25}
    whole = run(tmp_path / "b", "trainer.max_epochs=1")
    assert whole.dataset["ranked_users"] == {"validation": 120, "test": 120}
    hits = record.yardsticks["popularity"]["masked/HR@10"] * 25
    assert hits == pytest.approx(round(hits), abs=1e-4)


def test_a_repeated_target_is_a_miss_at_every_k(tmp_path):
    lines = [
        f"{u} {' '.join(str(1 + (u + i) % 8) for i in (*range(7), 0))}\n" for u in range(1, 30)
    ]
    (tmp_path / "mine.txt").write_text("".join(lines))
    given = ("dataset=file", "dataset.source.file=mine.txt", f"data_dir={tmp_path}", "threads=1")
    small = ("backbone.dim=16", "trainer.max_epochs=1", "trainer.enable_progress_bar=false")
    watched = ("ranking.ks=[8,9,10]", "ranking.monitor=NDCG@8", "trainer.accelerator=cpu")
    record = train(recipe(composed([*given, *small, *watched])), tmp_path / "run")
    for figures in (record.test, *record.yardsticks.values()):
        masked = {name: value for name, value in figures.items() if name.startswith("masked")}
        assert len(masked) == 9
        assert set(masked.values()) == {0.0}
        assert figures["unmasked/HR@8"] == figures["unmasked/HR@10"] == 1.0
    data = SequenceDataModule(BenchmarkFile("mine.txt", data_dir=str(tmp_path)))
    assert yardsticks(data, [10], ranked=3)["popularity"]["masked/HR@10"] == 0.0
