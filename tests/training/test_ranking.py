"""What a recipe measures: metrics by name and as parts, and what the config says of them."""

from functools import partial

import numpy as np
import pytest

from uniseq.backbones import SASRec
from uniseq.data.datamodule import SequenceDataModule
from uniseq.errors import ConfigError
from uniseq.losses import BCELoss
from uniseq.ranking.gains import METRICS, Gain
from uniseq.records.identity import hash_config, identity
from uniseq.training.parts import Ranking, Recipe


class Share(Gain):
    def __init__(self, of: float = 1.0) -> None:
        if of == 0:
            raise ConfigError("of", "must not be 0")
        if of < 0:
            raise ValueError("nothing is negative")
        self.of = of

    def __call__(self, ranks, k):
        return ranks / (self.of * k)


def last(ranks, k, places=1):
    return ranks > k - places


def recipe(**ranking) -> Recipe:
    return Recipe(
        dataset=SequenceDataModule, backbone=SASRec, loss=BCELoss, ranking=Ranking(**ranking)
    )


def test_parts_are_made_and_names_are_looked_up():
    metrics = ["MAP", Share, last]
    gains = Ranking(metrics=metrics, monitor="Share@10").gains()
    assert list(gains) == ["MAP", "Share", "last"]
    assert gains["MAP"] is METRICS["MAP"]
    assert (type(gains["Share"]), gains["last"]) == (Share, last)
    assert Ranking(metrics=[partial(Share, of=2.0)], monitor="Share@10").gains()["Share"].of == 2


def test_a_partial_of_a_function_is_kept_and_called_with_ranks_and_k():
    gains = Ranking(metrics=[partial(last, places=3)], monitor="last@10").gains()
    assert gains["last"](np.array([7, 8, 10]), 10).tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("ranking", "fault"),
    [
        ({"monitor": "NDCG@5"}, "ranking.monitor: 'NDCG@5' is not measured; did you mean NDCG@10?"),
        ({"metrics": ["NDGC"]}, "ranking.metrics[0]: there is no metric 'NDGC'; did you mean NDCG"),
        ({"metrics": [partial(Share, of=0)]}, "ranking.metrics[0].of: must not be 0"),
        ({"metrics": ["HR", partial(Share, of=-1)]}, "ranking.metrics[1]: nothing is negative"),
    ],
)
def test_what_cannot_be_measured_is_named_from_the_root_of_the_config(ranking, fault):
    with pytest.raises(ConfigError) as raised:
        Ranking(**ranking).gains()
    assert str(raised.value).startswith(fault)


def test_other_metrics_stand_in_the_config_and_in_the_identity_and_the_default_does_not():
    plain = recipe()
    assert plain.config["ranking"]["metrics"] == ["HR", "NDCG", "MRR"]
    before = {**plain.config["ranking"]}
    del before["metrics"]
    assert hash_config(identity({**plain.config, "ranking": before})) == plain.config_hash
    own = recipe(metrics=["NDCG", partial(Share, of=2.0)])
    node = {"_target_": f"{Share.__module__}.Share", "of": 2.0}
    assert own.config["ranking"]["metrics"] == ["NDCG", node]
    assert own.config_hash != plain.config_hash
