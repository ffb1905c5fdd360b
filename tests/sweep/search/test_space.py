"""The space of a search: which values fit, and which combination comes next."""

import pytest

pytest.importorskip("optuna", reason="needs pip install uniseq-rec[optuna]")

from tests.config_runs import composed
from uniseq.errors import ConfigError
from uniseq.sweep.overrides import with_values
from uniseq.sweep.search.space import admitted, size, untried, usable

HEADS = ["backbone.heads"]
SPACE = {
    "optimizer.lr": ["1e-4", "3e-4"],
    "backbone.heads": ["3", "1", "2"],
    "backbone.dim": ["32", "64"],
    "loss.beta": [".05", "1e-3"],
}


def test_values_are_read_as_on_a_command_line():
    cfg = with_values(
        composed(), {"optimizer.lr": "1e-4", "backbone.dim": "32", "loss.beta": ".05"}
    )
    written = composed(["optimizer.lr=1e-4", "backbone.dim=32", "loss.beta=.05"])
    assert cfg == written
    assert (cfg.optimizer.lr, cfg.backbone.dim, cfg.loss.beta) == (0.0001, 32, 0.05)


def test_a_value_that_fits_nothing_is_left_out_and_one_that_fits_something_stays():
    kept, lost = usable(composed(), SPACE, HEADS)
    assert kept == {**SPACE, "backbone.heads": ["1", "2"]}
    (line,) = lost
    assert line.startswith("backbone.heads=3: backbone.heads: must divide dim: 64")
    kept, lost = usable(composed(), {**SPACE, "backbone.dim": ["32", "48"]}, HEADS)
    assert kept["backbone.heads"] == ["3", "1", "2"]
    assert lost == []


def test_a_config_that_fits_only_with_searched_values_is_no_hindrance():
    cfg = composed(["backbone.dim=45", "backbone.heads=2"])
    kept, lost = usable(cfg, {"backbone.heads": ["3", "4"], "loss.beta": [".1"]}, HEADS)
    assert kept == {"backbone.heads": ["3"], "loss.beta": [".1"]}
    assert lost[0].startswith("backbone.heads=4: ")


def test_a_fault_that_may_not_be_left_out_stops_the_search():
    with pytest.raises(ConfigError, match=r"^backbone\.heads: must divide dim"):
        usable(composed(), SPACE, [])
    with pytest.raises(ConfigError, match=r"^loss\.beta: must be 0 or more, not -1"):
        usable(composed(), {**SPACE, "loss.beta": [".1", "-1"]}, HEADS)
    with pytest.raises(ConfigError, match=r"no combination can be run; backbone\.heads: must"):
        usable(composed(), {**SPACE, "backbone.heads": ["3"]}, HEADS)
    assert admitted(composed(["backbone.heads=3"]), HEADS).key == "backbone.heads"


def test_each_combination_comes_once_wherever_one_starts():
    for start in (0, 5, 17, 10**9):
        tried = set()
        while (values := untried(SPACE, tried, start)) is not None:
            assert list(values) == list(SPACE)
            tried.add(frozenset(values.items()))
        assert len(tried) == size(SPACE) == 24
