"""Runs in which rows of a table may fall behind: the same figures as with dense steps."""

import pytest
import torch

import uniseq.embedding.table
from tests.config_runs import run
from uniseq.embedding.table import Table


class AllItems(torch.nn.Module):
    """A loss that does not say that it leaves the items alone, and does not."""

    def forward(self, triplets):
        loss = (triplets.history @ triplets.items.T).logsumexp(1).mean()
        return loss, {"all": loss}


@pytest.fixture
def followed(monkeypatch):
    """Lets tables of any size follow, and counts those that do."""
    followed = []
    follow = Table.follow

    def noted(table, keeper):
        follow(table, keeper)
        followed.append(keeper)

    monkeypatch.setattr(Table, "follow", noted)
    monkeypatch.setattr(uniseq.embedding.table, "LARGE_TABLE", 1)
    return followed


def assert_same_figures(first, second):
    for one, other in zip(first.epochs, second.epochs, strict=True):
        assert one == pytest.approx(other, rel=1e-4)
    assert first.test == pytest.approx(second.test, rel=1e-6)


@pytest.mark.parametrize("backbone", ["backbone=sasrec", "backbone=caser backbone.users=120"])
def test_the_figures_are_those_of_dense_steps(tmp_path, followed, backbone):
    options = ["trainer.max_epochs=3", "optimizer.lr=0.01", *backbone.split()]
    behind = run(tmp_path / "a", *options)
    assert [keeper is None for keeper in followed].count(False) == len(backbone.split())
    dense = run(tmp_path / "b", *options, "optimizer._target_=torch.optim.Adam")
    assert_same_figures(behind, dense)


def test_a_resumed_run_goes_on_as_if_nothing_had_been(tmp_path, followed):
    whole = run(tmp_path / "a", "trainer.max_epochs=3")
    run(tmp_path / "b", "trainer.max_epochs=2")
    last = tmp_path / "b" / "checkpoints" / "last.ckpt"
    resumed = run(tmp_path / "c", "trainer.max_epochs=3", f"ckpt_path={last}")
    assert_same_figures(whole, resumed)


@pytest.mark.parametrize(
    "override",
    [
        "+trainer.gradient_clip_val=1.0",
        "optimizer.weight_decay=0.01",
        "optimizer._target_=torch.optim.Adam",
        "loss=custom loss._target_=tests.embedding.test_large_tables.AllItems",
    ],
)
def test_what_needs_all_rows_keeps_dense_steps(tmp_path, followed, override):
    run(tmp_path, "trainer=smoke", *override.split())
    assert all(keeper is None for keeper in followed)
