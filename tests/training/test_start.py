"""A checkpoint that a run cannot go on from is one line before anything is read."""

import pytest
import torch

from tests.config_runs import TINY, composed, run
from tests.sweep.counting import counted
from uniseq.config.recipes import recipe, try_out
from uniseq.data.sources.synthetic import Synthetic
from uniseq.errors import ConfigError
from uniseq.training.train import train


@pytest.fixture(scope="module")
def last(tmp_path_factory):
    folder = tmp_path_factory.mktemp("before")
    run(folder, "trainer.max_epochs=1")
    return folder / "checkpoints" / "last.ckpt"


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        ("backbone.dim=32", "backbone.dim"),
        ("backbone.layers=1", "backbone.layers"),
        ("backbone=gru4rec", "backbone._target_"),
        ("dataset.max_length=20", "backbone.max_length, dataset.max_length"),
        ("dataset.source.num_items=66", "dataset.source.num_items"),
        ("optimizer.lr=1e-4", "optimizer.lr"),
        ("similarity=dot", "similarity._target_"),
    ],
)
def test_another_config_is_named_by_its_keys_before_the_data_are_read(
    last, monkeypatch, tmp_path, overrides, key
):
    reads = counted(monkeypatch, Synthetic, "load")
    cfg = composed([*TINY, overrides, "trainer.max_epochs=2", f"ckpt_path={last}"])
    with pytest.raises(ConfigError, match=rf"^ckpt_path: .*differs in .*{key}.*: start without"):
        try_out(cfg)
    with pytest.raises(ConfigError, match=rf"^ckpt_path: .*differs in .*{key}"):
        train(recipe(cfg), tmp_path)
    assert not reads


def damaged(kind, last, path):
    whole = last.read_bytes()
    if kind == "truncated":
        path.write_bytes(whole[: len(whole) // 10])
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("no checkpoint")
    elif kind == "weights":
        torch.save({"weight": torch.zeros(2)}, path)
    elif kind == "tensor":
        torch.save(torch.zeros(2), path)
    else:
        content = torch.load(last, weights_only=True)
        del content["callbacks"]["History"]
        torch.save(content, path)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("truncated", "is not the run's checkpoint, or damaged"),
        ("empty", "is not the run's checkpoint, or damaged"),
        ("text", "is not the run's checkpoint, or damaged"),
        ("weights", "is of another program; name the last.ckpt of a run"),
        ("tensor", "is not the run's checkpoint: it holds no mapping"),
        ("other", "is of another program; name the last.ckpt of a run"),
    ],
)
def test_a_damaged_or_foreign_checkpoint_is_named(last, tmp_path, kind, said):
    path = tmp_path / "last.ckpt"
    damaged(kind, last, path)
    with pytest.raises(ConfigError, match=said) as stopped:
        try_out(composed([*TINY, "trainer.max_epochs=2", f"ckpt_path={path}"]))
    line = str(stopped.value)
    assert line.startswith("ckpt_path: ") and str(path) in line and "\n" not in line


def test_more_epochs_are_the_same_run(last):
    try_out(composed([*TINY, "trainer.max_epochs=9", f"ckpt_path={last}"]))
