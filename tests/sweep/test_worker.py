"""A worker does a run once, resumes it, repeats it for what it lacks, and loses nothing."""

import json

import pytest
from lightning.pytorch import Callback

from tests.config_runs import TINY, composed
from tests.sweep.counting import counted
from uniseq.config import recipes
from uniseq.data.sources.synthetic import Synthetic
from uniseq.records.folders import Run, Runs
from uniseq.records.store import read_record
from uniseq.sweep.worker import finish, is_over, run_once

SHORT = (*TINY, "trainer=smoke")


def made(overrides):
    """A recipe as a process that a launcher starts makes it."""
    return recipes.recipe(composed(overrides))


class UncompletedJobError(RuntimeError):
    """By its name submitit's, which ends a job whose time is up."""


def once(folder, *overrides):
    return run_once(made([*SHORT, f"results_dir={folder}", *overrides]), folder)


def test_a_run_is_checked_once_and_its_data_are_read_once(tmp_path, monkeypatch):
    checks = counted(monkeypatch, recipes, "check_config")
    reads = counted(monkeypatch, Synthetic, "load")
    assert once(tmp_path) is not None
    assert (len(checks), len(reads)) == (1, 1)
    assert once(tmp_path) is not None  # it is over
    assert (len(checks), len(reads)) == (2, 2)


def test_a_run_in_other_hands_is_left_to_them(tmp_path):
    assert once(tmp_path, "trainer.max_epochs=1") is not None
    (path,) = tmp_path.glob("*/record.json")
    path.unlink()
    with Runs(tmp_path).claim(path.parent.name.rpartition("-")[2]) as mine:
        assert mine
        assert once(tmp_path, "trainer.max_epochs=1") is None
    assert not path.exists()


def test_what_cannot_change_the_result_makes_no_new_run(tmp_path):
    first = once(tmp_path)
    assert once(tmp_path, "name=other", "tags=[x]", "group=g", "logger.version=v") == first
    assert len(list(tmp_path.glob("*/record.json"))) == 1
    once(tmp_path, "seed=1")
    assert len(list(tmp_path.glob("*/record.json"))) == 2


def test_a_finished_run_is_repeated_for_measurements_that_it_lacks(tmp_path):
    value = once(tmp_path)
    assert once(tmp_path, "sphere=watch") == value
    (path,) = tmp_path.glob("*/record.json")
    record = read_record(path)
    assert [measured["epoch"] for measured in record.sphere] == [0]
    stamp = path.stat().st_mtime_ns
    assert once(tmp_path, "sphere=watch") == once(tmp_path) == value
    assert path.stat().st_mtime_ns == stamp


ALLOCATOR = RuntimeError(
    "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: "
    "you tried to allocate 40000000000000 bytes. Error code 12 (Cannot allocate memory)"
)
STOPPED = (ValueError, OSError, RuntimeError, KeyboardInterrupt)


class Stumble(Callback):
    """Counts the epochs that it sees begin, and raises in one of them."""

    def __init__(self, error, epoch):
        self.error, self.epoch, self.seen = error, epoch, []

    def on_train_epoch_start(self, trainer, pl_module):
        self.seen.append(trainer.current_epoch)
        if trainer.current_epoch == self.epoch:
            raise self.error


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (KeyboardInterrupt(), [2, 3]),
        (OSError(28, "No space left on device"), [2, 3]),
        (ValueError("no"), [0, 1, 2, 3]),
    ],
)
def test_a_repeat_that_is_cut_off_loses_nothing(tmp_path, error, seen):
    changes = [*TINY, "trainer.max_epochs=4", f"results_dir={tmp_path}"]
    value = run_once(made(changes), tmp_path)
    (path,) = tmp_path.glob("*/record.json")
    before = path.read_bytes()
    runs = Runs(tmp_path)
    id = path.parent.name.rpartition("-")[2]
    recipe = made([*changes, "sphere=watch", "sphere.epochs=[0,3]"])
    with pytest.raises(STOPPED):
        finish(recipe, runs.at_rest(id, ""), [Stumble(error, 2)])
    assert path.read_bytes() == before
    assert run_once(made(changes), tmp_path) == value  # it is over for those who ask no more
    again = Stumble(error, None)
    record = finish(recipe, runs.at_rest(id, ""), [again])
    assert again.seen == seen  # gone on with after an interruption, anew after a fault
    assert [measured["epoch"] for measured in record.sphere] == [0, 3]
    assert record.best == value
    assert read_record(path).sphere == record.sphere


@pytest.mark.parametrize(
    "error", [OSError(28, "No space"), ALLOCATOR, UncompletedJobError("timeout")]
)
def test_a_fault_of_the_machine_is_no_failure_and_the_run_goes_on_in_a_folder_that_moved(
    tmp_path, error
):
    changes = [*TINY, "trainer.max_epochs=4"]
    runs = Runs(tmp_path / "before")
    cut_off = Run("0", "waiting", runs.folder("0", "a"))
    with pytest.raises(STOPPED):
        finish(made(changes), cut_off, [Stumble(error, 2)])
    assert runs.at_rest("0", "a").state == "cut off"
    (tmp_path / "before").rename(tmp_path / "after")
    again = Stumble(error, None)
    record = finish(made(changes), Runs(tmp_path / "after").at_rest("0", "a"), [again])
    assert again.seen == [2, 3]
    assert [epoch["epoch"] for epoch in record.epochs] == [0, 1, 2, 3]


def test_what_is_to_be_measured_is_not_left_out_by_a_resumption(tmp_path):
    changes = [*TINY, "trainer.max_epochs=4"]
    watched = [*changes, "sphere=watch"]
    for epochs, seen in (("[2,3]", [2, 3]), ("[0,3]", [0, 1, 2, 3]), ("[9]", [2, 3])):
        runs = Runs(tmp_path / epochs)
        cut_off = Run("0", "waiting", runs.folder("0", "a"))
        with pytest.raises(STOPPED):
            finish(made(changes), cut_off, [Stumble(KeyboardInterrupt(), 2)])
        again = Stumble(None, None)
        recipe = made([*watched, f"sphere.epochs={epochs}"])
        record = finish(recipe, runs.at_rest("0", "a"), [again])
        assert again.seen == seen
        wanted = [epoch for epoch in json.loads(epochs) if epoch < 4]
        assert [entry["epoch"] for entry in record.sphere] == wanted
        run = runs.at_rest("0", "a")
        assert is_over(run, {"sphere": {"epochs": json.loads(epochs)}})
        assert not is_over(run, {"sphere": {"epochs": [1]}})


def test_what_is_damaged_is_set_aside_and_named_and_the_run_begins_anew(tmp_path, capsys):
    changes = [*TINY, "trainer.max_epochs=3"]
    runs = Runs(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        finish(
            made(changes),
            Run("0", "waiting", runs.folder("0", "a")),
            [Stumble(KeyboardInterrupt(), 2)],
        )
    folder = runs.folder("0", "a")
    last, progress = folder / "checkpoints" / "last.ckpt", folder / "progress.json"
    last.write_bytes(last.read_bytes()[:1000])
    progress.write_text('{"epochs": 2, "be')
    (tmp_path / ".locks").mkdir()
    (tmp_path / ".locks" / "0").mkdir()
    with runs.claim("0") as mine:
        assert mine
        run = runs.at_rest("0", "a")
        assert (run.state, run.fault, run.progress) == ("cut off", None, None)
        again = Stumble(None, None)
        record = finish(made(changes), run, [again])
    assert again.seen == [0, 1, 2]
    assert record.status == "finished"
    assert (folder / "checkpoints" / "last.ckpt.damaged-1").stat().st_size == 1000
    assert (tmp_path / ".locks" / "0.damaged-1").is_dir()
    said = capsys.readouterr().err
    assert f"warning: {last}: is not the run's checkpoint, or damaged" in said
    assert "it is kept as last.ckpt.damaged-1, and the run begins anew" in said
