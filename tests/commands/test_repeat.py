"""A record is enough to repeat its run."""

import json
import sys
from dataclasses import replace

import pytest

from tests.config_runs import run
from uniseq.config.recipes import recorded_recipe
from uniseq.records.store import read_record, write_record
from uniseq.repeat import CSV, main


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A run with settings of its own."""
    folder = tmp_path_factory.mktemp("recorded")
    return folder, run(folder, "trainer.max_epochs=2", "seed=3", "loss.beta=.1", "tags=[x]")


def failure(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert stopped.value.code == 1
    return capsys.readouterr()


def test_a_run_is_repeated_from_its_record_alone(recorded, tmp_path, capsys):
    folder, record = recorded
    copy = write_record(tmp_path / "elsewhere", record)
    main([str(copy), "--out", str(tmp_path / "runs")])
    said = capsys.readouterr().out
    assert "equal in every figure of every epoch" in said
    value = f"{record.test['masked/HR@10']:.6f}"
    assert ["masked/HR@10", value, value] in [line.split() for line in said.splitlines()]
    (path,) = tmp_path.glob(f"runs/{record.name}_repeated/*/record.json")
    repeated = read_record(path)
    assert (repeated.epochs, repeated.test) == (record.epochs, record.test)
    assert repeated.config_hash == record.config_hash
    assert (path.parent / "ranks.npz").read_bytes() == (folder / "ranks.npz").read_bytes()


def test_a_record_with_a_former_key_repeats(recorded):
    _, record = recorded
    former = {key: value for key, value in record.config.items() if key != "study"}
    made = recorded_recipe({**former, "trial": None}, None, logger=CSV)
    assert made.config["study"] is None
    assert "trial" not in made.config
    assert made.config_hash == record.config_hash


def test_other_figures_are_named_and_the_status_is_1(recorded, tmp_path, capsys):
    _, record = recorded
    epochs = [record.epochs[0], record.epochs[1] | {"train/loss": 0.0}]
    test = record.test | {"masked/HR@10": 1.0}
    older = record.environment | {"packages": record.environment["packages"] | {"torch": "0.4"}}
    write_record(tmp_path, replace(record, epochs=epochs, test=test, environment=older))
    said = failure([tmp_path, "--out", tmp_path / "runs"], capsys).out
    assert "not equal:" in said
    assert f"test masked/HR@10: 1.0 recorded, {record.test['masked/HR@10']} here" in said
    assert "training differs from epoch 2 on" in said
    assert "torch 0.4 recorded, " in said


def test_what_cannot_be_repeated_is_one_line(recorded, tmp_path, capsys):
    _, record = recorded

    def refused(**changes):
        write_record(tmp_path, replace(record, **changes))
        error = failure([tmp_path, "--out", tmp_path / "runs"], capsys).err
        assert error.startswith("error: ")
        assert error.count("\n") == 1
        assert not (tmp_path / "runs").exists()
        return error

    other = record.dataset | {"fingerprint": "synthetic-else"}
    message = refused(dataset=other)
    assert (
        f"{tmp_path / 'record.json'}: was trained on data synthetic-else, here they are" in message
    )
    assert record.dataset["fingerprint"] in message
    assert "is of a run that is failed" in refused(status="failed")
    unknown = record.config | {"loss": record.config["loss"] | {"gamma": 1}}
    assert "loss.gamma: there is no such key" in refused(config=unknown)


def test_a_class_of_ones_own_is_trusted_by_name_and_its_file_is_shown(
    recorded, tmp_path, capsys, monkeypatch
):
    _, record = recorded
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    loss = (
        "from pathlib import Path\nfrom uniseq.losses.bce import BCELoss\n"
        "Path('proof').touch()\nclass Loss(BCELoss): ..."
    )
    (tmp_path / "beside_it.py").write_text(loss)
    config = record.config | {"loss": {"_target_": "beside_it.Loss"}}
    write_record(tmp_path, replace(record, config=config))
    error = failure([tmp_path, "--out", "runs"], capsys).err
    assert error.startswith("error: loss._target_: beside_it.Loss is of none of uniseq, lightning")
    assert f"it would load {tmp_path / 'beside_it.py'}" in error
    assert "--trust beside_it.Loss" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "proof").exists()
    assert "beside_it" not in sys.modules
    said = failure([tmp_path, "--out", "runs", "--trust", "beside_it.Loss"], capsys)
    assert f"trusted: beside_it.Loss, from {tmp_path / 'beside_it.py'}" in said.err
    assert "not equal:" in said.out  # it is another loss than the recorded one
    assert (tmp_path / "proof").exists()


def test_what_belongs_to_a_machine_is_set_anew(recorded, tmp_path):
    _, record = recorded
    config = json.loads(json.dumps(record.config)) | {"ckpt_path": "/gone", "data_dir": "/gone"}
    file = {"_target_": "uniseq.data.sources.BenchmarkFile", "file": "x.txt", "data_dir": "/gone"}
    config["dataset"]["source"] = file
    config["logger"] = {"_target_": "uniseq.wandb_logger.WandbLogger", "offline": False}
    here = {"results_dir": str(tmp_path), "threads": 2, "logger": CSV}
    made = recorded_recipe(config, "/mine", **here)
    assert (made.ckpt_path, made.config["data_dir"], made.threads) == (None, "/mine", 2)
    assert made.config["dataset"]["source"]["data_dir"] == "/mine"
    assert made.config["logger"]["_target_"].endswith("CSVLogger")
    assert (made.seed, made.config["loss"]["beta"], made.config["tags"]) == (3, 0.1, ["x"])
