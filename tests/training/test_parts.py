"""A recipe tells its config from its parts, and makes them when they are needed."""

from functools import partial

import pytest
import torch
from lightning.pytorch import Trainer

import uniseq
from tests.config_runs import composed
from uniseq.backbones import SASRec
from uniseq.config.check import check_config
from uniseq.config.recipes import recipe, recorded_recipe
from uniseq.data.datamodule import SequenceDataModule
from uniseq.data.sources.synthetic import Synthetic
from uniseq.errors import ConfigError, DataError, UniseqError
from uniseq.losses import BCELoss, UniformityLoss
from uniseq.records.store import find_record, read_record, write_record
from uniseq.training.nodes import make, node_of
from uniseq.training.parts import Items, Recipe

SOURCE = partial(Synthetic, num_users=120, num_items=60, num_clusters=6, max_length=20)
QUIET = {"enable_progress_bar": False, "enable_model_summary": False, "num_sanity_val_steps": 0}


def own_recipe(**changed):
    parts = {
        "dataset": partial(SequenceDataModule, SOURCE),
        "backbone": partial(SASRec, dim=16),
        "loss": partial(UniformityLoss, BCELoss, beta=0.1),
        "trainer": partial(Trainer, max_epochs=2, accelerator="cpu", **QUIET),
        "threads": 1,
    }
    return Recipe(**{**parts, **changed})


def test_a_part_is_told_by_its_class_and_named_arguments():
    assert node_of("loss", partial(UniformityLoss, BCELoss, beta=0.1)) == {
        "_target_": "uniseq.losses.uniform.UniformityLoss",
        "rec": {"_target_": "uniseq.losses.bce.BCELoss"},
        "beta": 0.1,
    }
    assert node_of("sphere", None) is None


@pytest.mark.parametrize("part", [BCELoss(), lambda: BCELoss(), partial(UniformityLoss, BCELoss())])
def test_a_part_that_no_record_could_name_is_one_line_with_its_key(part):
    with pytest.raises(ConfigError, match=r"^loss(\.rec)?: .* cannot stand in a record; give"):
        node_of("loss", part)


def test_parts_within_parts_are_made_first_and_anew_each_time():
    part = partial(UniformityLoss, BCELoss)
    first, second = make(part), make(part)
    assert isinstance(first.rec, BCELoss)
    assert first.rec is not second.rec


def test_what_a_recipe_takes_by_default_is_what_conf_has():
    mine = own_recipe(loss=BCELoss).config
    conf = recipe(composed(["loss=bce"])).config
    trainer = own_recipe().config["trainer"]
    default = Recipe(dataset=SequenceDataModule, backbone=SASRec, loss=BCELoss).config
    assert default["trainer"] == conf["trainer"]
    assert (mine["optimizer"], mine["similarity"]) == (conf["optimizer"], conf["similarity"])
    assert (mine["ranking"], mine["seed"]) == (conf["ranking"], conf["seed"])
    assert mine["items"] == conf["items"] == {"std": 0.02}
    assert mine["logger"] == {"csv": conf["logger"]}
    assert mine["callbacks"] == conf["callbacks"] == {}
    assert mine["scheduler"] is conf["scheduler"] is None
    assert trainer["max_epochs"] == 2
    assert conf.keys() >= mine.keys()


def test_the_data_are_read_once(monkeypatch):
    loads = []
    load = Synthetic.load
    monkeypatch.setattr(Synthetic, "load", lambda self: loads.append(self) or load(self))
    made = own_recipe()
    assert not loads
    assert made.id == own_recipe().id
    made.model()
    assert made.data is made.data
    assert len(loads) == 2  # one a recipe


def test_models_of_one_recipe_are_equal_and_of_another_seed_are_not():
    one, same, other = own_recipe().model(), own_recipe().model(), own_recipe(seed=1).model()
    assert torch.equal(one.items.weight, same.items.weight)
    assert not torch.equal(one.items.weight, other.items.weight)


def test_the_start_of_the_items_is_a_key_that_scales_the_very_draw():
    usual, wide = own_recipe(), own_recipe(items=Items(std=0.1))
    assert wide.config["items"] == {"std": 0.1}
    assert wide.config_hash != usual.config_hash
    weights = [each.model().items.weight.detach() for each in (usual, wide)]
    torch.testing.assert_close(weights[1], 5 * weights[0])
    assert weights[0].std().item() == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize("std", [0, -0.1, float("nan"), float("inf")])
def test_a_start_that_is_no_scale_is_refused_by_its_key(std):
    with pytest.raises(ConfigError, match=r"^std: must be above 0 and finite, not "):
        Items(std=std)
    with pytest.raises(
        UniseqError, match=r"^items\.std: must be (above 0 and finite|a finite number), not .*$"
    ):
        check_config(composed([f"items.std={std}"]))


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("items.std=wide", "items.std: must be a number, not 'wide'"),
        ("+items.scale=.1", "items.scale: there is no such key"),
    ],
)
def test_a_slip_among_the_keys_of_the_items_is_one_line(override, says):
    with pytest.raises(UniseqError) as error:
        check_config(composed([override]))
    assert str(error.value).startswith(says)
    assert len(str(error.value).splitlines()) == 1


def test_the_start_stands_in_the_record_and_one_without_it_is_of_the_former(tmp_path):
    record = uniseq.train(own_recipe(items=Items(std=0.1)), tmp_path)
    assert record.config["items"] == {"std": 0.1}
    again = recorded_recipe(record.config, None)
    assert (again.items.std, again.config_hash) == (0.1, record.config_hash)
    former = {key: value for key, value in own_recipe().config.items() if key != "items"}
    again = recorded_recipe(former, None)
    assert (again.items.std, again.config_hash) == (0.02, own_recipe().config_hash)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    return folder, uniseq.train(own_recipe(), folder)


def test_a_run_of_own_parts_is_loaded_and_tested_to_the_last_digit(finished):
    folder, record = finished
    run = uniseq.load(folder)
    assert run.test() == record.test == read_record(find_record(folder)).test
    assert run.config["loss"]["beta"] == 0.1
    assert run.item_ids.tolist() == list(range(1, 61))
    assert len(run.user_ids) == 120
    assert not run.model.training


def test_a_run_that_did_not_finish_is_not_loaded(finished, tmp_path):
    _, record = finished
    failed = type(record)("failed", record.name, record.config, record.config_hash, record.seed)
    write_record(tmp_path, failed)
    with pytest.raises(DataError, match="is of a run that is failed: only a finished one"):
        uniseq.load(tmp_path)


def test_a_run_without_its_checkpoint_names_the_file(finished, tmp_path):
    _, record = finished
    write_record(tmp_path, record)
    with pytest.raises(DataError, match=r"best\.ckpt: is not there; copy it"):
        uniseq.load(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "best.ckpt").write_bytes(b"no checkpoint")
    with pytest.raises(DataError, match=r"best\.ckpt: is not the run's checkpoint"):
        uniseq.load(tmp_path)


def test_a_run_on_other_data_is_not_loaded(finished, tmp_path):
    _, record = finished
    (tmp_path / "x").mkdir()
    record.dataset["fingerprint"], kept = "other", record.dataset["fingerprint"]
    try:
        write_record(tmp_path / "x", record)
    finally:
        record.dataset["fingerprint"] = kept
    with pytest.raises(DataError, match="was trained on data other, here they are synthetic-"):
        uniseq.load(tmp_path / "x")
