"""A stranger's record, table or checkpoint runs nothing: a test for each way that it might."""

import json
import os
import pickle
import sys
from dataclasses import replace

import pytest
import torch
from omegaconf import OmegaConf

from tests.config_runs import TINY, composed
from uniseq.config.recipes import load, recipe, recorded_recipe
from uniseq.config.trust import check_trust, file_of
from uniseq.errors import UniseqError
from uniseq.records.identity import portable
from uniseq.records.store import write_record
from uniseq.training.train import train

PLAIN = {
    "loss": {"_target_": "uniseq.losses.bce.BCELoss"},
    "backbone": {"_target_": "uniseq.backbones.sasrec.SASRec", "dim": 8},
    "dataset": {"_target_": "uniseq.data.datamodule.SequenceDataModule", "source": {}},
}


@pytest.fixture(scope="module")
def composed_once():
    return json.dumps(portable(OmegaConf.to_container(composed(TINY), resolve=True)))


@pytest.fixture
def config(composed_once):
    """A recorded config that may be changed."""
    return json.loads(composed_once)


def refused(config, **trust):
    """The one line that a config is refused with; nothing new is imported, nothing is called."""
    before = set(sys.modules)
    with pytest.raises(UniseqError) as raised:
        recorded_recipe(config, None, logger={}, **trust)
    foreign = {name.partition(".")[0] for name in set(sys.modules) - before}
    assert not foreign & {"joblib", "hydra_plugins", "beside", "setuptools", "antigravity"}
    assert "\n" not in str(raised.value)
    return str(raised.value)


WAYS = [
    {"_target_": "setuptools._distutils.spawn.spawn", "cmd": ["touch", "proof"]},
    {"_target_": "os.system", "command": "touch proof"},
    {"_target_": "joblib.load", "filename": "evil.pkl"},
    {"_target_": "numpy.load", "file": "evil.npy", "allow_pickle": True},
    {"_target_": "torch.load", "f": "evil.pt", "weights_only": False},
    {"_target_": "torch.hub.load", "repo_or_dir": ".", "model": "x", "source": "local"},
    {"_target_": "hydra.utils.instantiate", "config": {}},
    {"_target_": "subprocess.Popen", "args": "touch proof", "shell": True},
    {"_target_": "builtins.exec", "source": "open('proof', 'w')"},
    {"_target_": "beside.Loss"},
    {"_target_": "beside.deeper.Loss"},
    {"_target_": "uniseqs.losses.Loss"},
    {"_target_": "torch.nn.MSELoss"},
    {"_target_": "torch.optimum.Loss"},
    {"_target_": "..os.system"},
]


@pytest.mark.parametrize("node", WAYS, ids=lambda node: node["_target_"])
@pytest.mark.parametrize("key", ["loss", "optimizer", "scheduler", "sphere", "callbacks"])
def test_a_class_of_a_stranger_is_not_imported(key, node, config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("beside.py", "uniseqs.py"):
        (tmp_path / name).write_text("open('proof', 'w')\nclass Loss: ...\n")
    before = set(tmp_path.iterdir())
    config[key] = {"mine": node} if key == "callbacks" else node
    message = refused(config)
    assert message.startswith(f"{key}.{'mine.' if key == 'callbacks' else ''}")
    assert f"{node['_target_']} is of none of uniseq, lightning, torch.optim, torch" in message
    assert "--trust" in message
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "target",
    [
        "uniseq.training.environment.subprocess.Popen",
        "uniseq.training.environment.subprocess.run",
        "uniseq.config.build.build",
        "uniseq.config.recipes.load",
        "lightning.pytorch.LightningDataModule.load_from_checkpoint",
        "uniseq.losses.bce.torch.nn.MSELoss",
        "torch.optim.lr_scheduler.Tensor",
    ],
)
def test_a_name_in_our_packages_must_stand_for_a_class_of_theirs(target, config):
    config["loss"] = {"_target_": target}
    message = refused(config)
    assert message.startswith("loss._target_: ")
    assert "name such a class" in message or "cannot be imported" in message


def test_what_is_trusted_must_still_be_of_the_kind_that_its_key_asks_for(config):
    config["loss"] = {"_target_": "os.system", "command": "touch proof"}
    assert "is no uniseq.losses.base.Loss" in refused(config, trust=("os.system",))


def test_nested_and_listed_classes_count_too(config):
    config["ranking"]["metrics"] = ["HR", {"_target_": "beside.Gain"}]
    config["dataset"]["source"] = {"_target_": "beside.Source"}
    with pytest.raises(UniseqError) as raised:
        recorded_recipe(config, None, logger={})
    lines = str(raised.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "dataset.source._target_",
        "ranking.metrics[1]._target_",
    ] or len(lines) == 2


@pytest.mark.parametrize("text", ["${oc.env:SECRET}", "a${seed}", r"\${x}", "${now:%Y}"])
@pytest.mark.parametrize("key", ["name", "group", "tags"])
def test_nothing_in_a_recorded_config_is_interpolated(key, text, config, monkeypatch):
    monkeypatch.setenv("SECRET", "told")
    config[key] = [text] if key == "tags" else text
    message = refused(config)
    assert "a recorded config is literal" in message
    assert "told" not in message


SAVES = "lightning.pytorch.callbacks.ModelCheckpoint"


@pytest.mark.parametrize(
    ("top", "key", "node"),
    [
        ("callbacks", "mine", {"_target_": SAVES, "dirpath": "x"}),
        ("callbacks", "mine", {"_target_": SAVES, "filename": "../x"}),
        ("callbacks", "mine", {"_target_": SAVES, "filename": "/x"}),
        ("trainer", "profiler", {"_target_": "lightning.pytorch.profilers.X", "filename": "~/x"}),
    ],
)
def test_nothing_is_written_outside_the_run_s_folder(top, key, node, config):
    config[top][key] = node
    assert "leads out of the run's folder" in refused(config)


def test_the_classes_of_four_packages_need_no_trust():
    check_trust(
        PLAIN
        | {
            "optimizer": {"_target_": "torch.optim.Adam", "_partial_": True},
            "trainer": {"_target_": "lightning.pytorch.Trainer"},
            "callbacks": {"a": {"_target_": "lightning.pytorch.callbacks.Timer"}},
            "sphere": {"_target_": "uniseq.watch.SphereWatch"},  # by its first name
        }
    )


def test_the_file_is_found_without_loading_anything(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "pack"
    (package / "deep").mkdir(parents=True)
    for file in (package / "__init__.py", package / "deep" / "__init__.py", package / "own.py"):
        file.write_text("raise AssertionError('was loaded')")
    assert file_of("pack.own.Loss") == str(package / "own.py")
    assert file_of("pack.deep.Loss") == str(package / "deep" / "__init__.py")
    assert file_of("pack.gone.Loss") == str(package / "__init__.py")
    assert file_of("nowhere.at.all.Loss") == "no file that is found here"
    for odd in ("", ".", "..", "a\0b.c", "Loss"):
        assert isinstance(file_of(odd), str)


class Hostile:
    """Runs a command where it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch proof",)


def test_a_stranger_s_checkpoint_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = train(recipe(composed([*TINY, "trainer.max_epochs=1"])), tmp_path / "run")
    best = tmp_path / "run" / "checkpoints" / "best.ckpt"
    torch.save({"state_dict": {"a": Hostile()}}, best)
    with pytest.raises(UniseqError, match=r"best.ckpt: is not the run's checkpoint"):
        load(tmp_path / "run")
    going_on = recipe(composed([*TINY, "trainer.max_epochs=1", f"ckpt_path={best}"]))
    with pytest.raises((UniseqError, pickle.UnpicklingError)):
        train(going_on, tmp_path / "on")
    assert not (tmp_path / "proof").exists()
    climbing = json.loads(record.to_json()) | {"ranks_file": "../../x"}
    (tmp_path / "run" / "record.json").write_text(json.dumps(climbing))
    with pytest.raises(UniseqError, match="ranks_file"):
        load(tmp_path / "run")
    own = record.config | {"loss": {"_target_": "beside.Loss"}}
    write_record(tmp_path / "run", replace(record, config=own))
    with pytest.raises(UniseqError, match=r"with trust=\('beside.Loss',\)"):
        load(tmp_path / "run")
