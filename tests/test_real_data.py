"""On the benchmark files in UNISEQ_DATA_DIR; skipped without them."""

import os

import numpy as np
import pytest

from tests.config_runs import composed
from tests.data.cases import samples_of
from uniseq.config.build import build
from uniseq.config.recipes import recipe
from uniseq.data.samples import Prefixes
from uniseq.training.train import train
from uniseq.training.yardsticks import yardsticks

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif("UNISEQ_DATA_DIR" not in os.environ, reason="UNISEQ_DATA_DIR is not set"),
]


@pytest.fixture(scope="module")
def figures():
    names = ("beauty", "yelp")
    return {name: yardsticks(build(composed([f"dataset={name}"]).dataset), [10]) for name in names}


@pytest.mark.parametrize(
    ("name", "users", "items", "interactions", "longest"),
    [
        ("beauty", 22_363, 12_101, 198_502, 204),
        ("toys", 19_412, 11_924, 167_597, 550),
        ("sports", 35_598, 18_357, 296_337, 296),
        ("yelp", 30_431, 20_033, 316_354, 350),
    ],
)
def test_the_published_files_have_the_published_counts(name, users, items, interactions, longest):
    sequences = build(composed([f"dataset={name}"]).dataset).sequences
    assert (sequences.num_users, sequences.num_items) == (users, items)
    assert len(sequences.items) == interactions
    assert sequences.lengths.min() == 5
    assert sequences.lengths.max() == longest
    repeats = sum(
        len(np.unique(sequences.history(user))) < sequences.lengths[user] for user in range(users)
    )
    assert repeats == (7_102 if name == "yelp" else 0)


def test_beauty_has_the_known_number_of_prefixes():
    sequences = build(composed(["dataset=beauty"]).dataset).sequences
    assert len(samples_of(Prefixes, sequences, 50)) == 131_413


@pytest.mark.parametrize(
    ("name", "ranking", "masked", "unmasked"),
    [
        ("yelp", "own_history", (0.0, 0.0), (0.0620, 0.0414)),
        ("yelp", "popularity", (0.0095, 0.0049), (0.0100, 0.0051)),
        ("yelp", "markov", (0.0201, 0.0110), (0.0271, 0.0155)),
        ("yelp", "item_knn", (0.0201, 0.0099), (0.0364, 0.0195)),
        ("beauty", "own_history", (0.0, 0.0), (0.0, 0.0)),  # nobody takes an item twice
        ("beauty", "popularity", (0.0110, 0.0053), (0.0106, 0.0051)),
        ("beauty", "markov", (0.0665, 0.0438), (0.0656, 0.0426)),
        ("beauty", "item_knn", (0.0548, 0.0314), (0.0443, 0.0231)),
    ],
)
def test_figures_without_training(figures, name, ranking, masked, unmasked):
    found = figures[name][ranking]
    for history, expected in (("masked", masked), ("unmasked", unmasked)):
        pair = (found[f"{history}/HR@10"], found[f"{history}/NDCG@10"])
        assert pair == pytest.approx(expected, abs=5e-5)


def test_two_epochs_on_beauty_beat_popularity(tmp_path):
    overrides = ["dataset=beauty", "trainer.max_epochs=2", "trainer.enable_progress_bar=false"]
    record = train(recipe(composed([*overrides, "trainer.accelerator=cpu"])), tmp_path)
    assert record.yardsticks["popularity"]["masked/HR@10"] == pytest.approx(0.0110, abs=5e-4)
    assert record.test["masked/HR@10"] > 2 * record.yardsticks["popularity"]["masked/HR@10"]
