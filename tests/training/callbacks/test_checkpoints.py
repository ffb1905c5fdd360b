"""Checkpoints: whose they are, whether they are whole, and which one is the best."""

import re
import shutil

import pytest
import torch

from tests.config_runs import composed, run
from uniseq.config.recipes import load, recipe
from uniseq.errors import ConfigError, DataError, UniseqError
from uniseq.training.callbacks.checkpoints import check_intact, load_whole
from uniseq.training.callbacks.epoch_log import EpochLog
from uniseq.training.train import train

HISTORIES = [[1 + (user + step) % 12 for step in range(6)] for user in range(20)]
FILE = ("dataset=file", "dataset.source.file=mine.txt", "trainer.enable_progress_bar=false")
SMALL = ("backbone.dim=16", "trainer.accelerator=cpu", "threads=1")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of two epochs on synthetic data."""
    folder = tmp_path_factory.mktemp("finished")
    return folder, run(folder, "trainer.max_epochs=2")


def on_file(folder, histories, *overrides):
    """A run on a file with these histories."""
    folder.mkdir(exist_ok=True)
    lines = [f"{user} {' '.join(map(str, items))}\n" for user, items in enumerate(histories, 1)]
    (folder / "mine.txt").write_text("".join(lines))
    config = composed([*FILE, *SMALL, f"data_dir={folder}", f"results_dir={folder}", *overrides])
    return train(recipe(config), folder)


@pytest.mark.parametrize(
    "changed",
    [
        [[*items, 12] for items in HISTORIES],
        [[99 if item == 1 else item for item in items] for items in HISTORIES],
        [*HISTORIES, [1, 2, 3, 13, 14]],
    ],
    ids=["grown", "renamed", "larger"],
)
def test_a_run_does_not_go_on_with_other_data(tmp_path, changed):
    first = on_file(tmp_path / "a", HISTORIES, "trainer.max_epochs=1")
    last = f"ckpt_path={tmp_path / 'a' / 'checkpoints' / 'last.ckpt'}"
    before = first.dataset["fingerprint"]
    with pytest.raises(ConfigError, match=f"^ckpt_path: .* of a run on data {before}, here .*$"):
        on_file(tmp_path / "b", changed, "trainer.max_epochs=2", last)
    same = on_file(tmp_path / "c", HISTORIES, "trainer.max_epochs=2", last)
    assert same.epochs[0] == first.epochs[0]


def test_a_checkpoint_of_a_version_that_kept_no_fingerprint_is_gone_on_from():
    log = EpochLog({"seed": 0}, "here")
    state = log.state_dict()
    assert state["fingerprint"] == "here"
    del state["fingerprint"]
    log.load_state_dict({**state, "epochs": [{"epoch": 0}]})
    assert log.epochs == [{"epoch": 0}]


def test_the_best_checkpoint_is_the_one_beside_the_last(tmp_path, finished):
    folder, _ = finished
    shutil.copytree(folder, tmp_path / "copy")
    copy = tmp_path / "copy" / "checkpoints"
    whole = torch.load(copy / "best.ckpt", weights_only=True)
    whole["state_dict"]["items.weight"].neg_()
    torch.save(whole, copy / "best.ckpt")
    run(tmp_path / "on", "trainer.max_epochs=2", f"ckpt_path={copy / 'last.ckpt'}")
    taken = load_whole(tmp_path / "on" / "checkpoints" / "best.ckpt")["state_dict"]
    assert torch.equal(taken["items.weight"], whole["state_dict"]["items.weight"])


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["last.ckpt", "best.ckpt"])
def test_a_flipped_bit_is_found_before_a_weight_is_used(tmp_path, finished, name):
    shutil.copytree(finished[0] / "checkpoints", tmp_path / "checkpoints")
    damaged = tmp_path / "checkpoints" / name
    values = load_whole(damaged)["state_dict"]["items.weight"].numpy().tobytes()
    flip(damaged, damaged.read_bytes().index(values[:64]) + 100)
    fault = f"^(ckpt_path: )?{re.escape(str(damaged))}: is damaged: its part .*$"
    with pytest.raises(UniseqError, match=fault):
        run(tmp_path / "on", "trainer.max_epochs=3", f"ckpt_path={tmp_path}/checkpoints/last.ckpt")


def test_a_damaged_best_checkpoint_is_not_loaded_as_a_finished_run(tmp_path, finished):
    shutil.copytree(finished[0], tmp_path / "run")
    best = tmp_path / "run" / "checkpoints" / "best.ckpt"
    assert load(tmp_path / "run").test() == finished[1].test
    flip(best, best.stat().st_size // 2)
    with pytest.raises(DataError, match=f"^{re.escape(str(best))}: is damaged"):
        load(tmp_path / "run")


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", b"PK\x03\x04 cut off"])
def test_what_is_no_checkpoint_is_one_line(tmp_path, content):
    path = tmp_path / "last.ckpt"
    path.write_bytes(content)
    with pytest.raises(
        DataError, match=f"^{re.escape(str(path))}: is not the run.s checkpoint, or damaged"
    ):
        check_intact(path)


def test_a_checkpoint_of_another_program_is_one_line(tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "last.ckpt")
    with pytest.raises(DataError, match="is not of a run of this package"):
        EpochLog({}, "").check(tmp_path / "last.ckpt")
