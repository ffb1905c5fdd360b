"""Validation every n epochs: what is stopped by, tested and kept."""

import pytest

from tests.config_runs import composed, run
from uniseq.config.recipes import recipe
from uniseq.errors import UniseqError

EVERY = "trainer.check_val_every_n_epoch"


def test_only_every_nth_epoch_has_figures_and_the_best_of_them_is_tested(tmp_path):
    record = run(tmp_path, "trainer.max_epochs=7", f"{EVERY}=3")
    assert [int(epoch["epoch"]) for epoch in record.epochs] == list(range(7))
    validated = [int(epoch["epoch"]) for epoch in record.validated]
    assert validated == [2, 5]
    assert record.best_epoch in validated
    assert record.best == max(epoch[record.watched] for epoch in record.validated)
    assert all("train/loss" in epoch for epoch in record.epochs)
    assert all(seconds["validation"] == 0 for seconds in record.timings["epochs"][::3])


@pytest.mark.parametrize(
    ("every", "patience", "last"), [(1, 3, 3), (2, 3, 5), (3, 3, 5), (2, 4, 5)]
)
def test_patience_is_counted_in_epochs(tmp_path, every, patience, last):
    frozen = "optimizer.lr=1e-30"  # the figure never changes after the first validation
    record = run(
        tmp_path,
        "trainer.max_epochs=20",
        f"{EVERY}={every}",
        f"ranking.patience={patience}",
        frozen,
    )
    assert int(record.epochs[-1]["epoch"]) == last
    assert record.stopped == f"no better {record.watched} for {patience} epochs"


def test_it_is_another_run_than_one_with_all_validations():
    one, other = (recipe(composed(given)) for given in ([], [f"{EVERY}=5"]))
    assert one.config_hash != other.config_hash
    assert recipe(composed([f"{EVERY}=1"])).config_hash == one.config_hash


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([f"{EVERY}=0"], "must be 1 or more, not 0"),
        ([f"{EVERY}=9", "trainer.max_epochs=4"], "9 is above max_epochs=4"),
    ],
)
def test_a_run_that_would_never_be_validated_is_refused(given, said):
    with pytest.raises(UniseqError, match=f"{EVERY}: {said}"):
        recipe(composed(given))


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("callbacks", "[]", r"add them with \+callbacks"),
        ("logger", "false", "choose loggers with logger="),
        ("default_root_dir", "x", "results_dir"),
    ],
)
def test_what_training_gives_the_trainer_is_not_set_in_its_config(key, value, said):
    with pytest.raises(UniseqError, match=f"trainer.{key}: is not set here: .*{said}"):
        recipe(composed([f"+trainer.{key}={value}"]))
