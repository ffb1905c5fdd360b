"""A sweep does each run once, takes failures as they come, and says how it stands."""

import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest
from lightning.pytorch import Callback

from tests.config_runs import TINY, composed, undated
from uniseq import status
from uniseq.config.launching import VARIABLES
from uniseq.records.folders import Run, Runs
from uniseq.records.record import Record
from uniseq.records.store import read_record, write_record
from uniseq.sweep.survey import Survey, summary, survey
from uniseq.sweep.worker import finish, is_over, run_once


class UncompletedJobError(RuntimeError):
    """By its name submitit's, which ends a job whose time is up."""


SHORT = (*TINY, "trainer=smoke")


def command(folder, *overrides):
    """The finished process of a sweep."""
    return subprocess.run(
        [sys.executable, "-m", "uniseq.run", "--multirun", *SHORT, "results_dir=r", *overrides],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | dict.fromkeys(VARIABLES, "1") | {"PYTHONPATH": str(folder)},
    )


def stamps(folder):
    return {path: path.stat().st_mtime_ns for path in folder.glob("r/*/record.json")}


def test_a_second_sweep_does_only_what_is_new_and_retries_what_failed(tmp_path):
    (tmp_path / "moody.py").write_text(
        "from pathlib import Path\n"
        "from uniseq.losses import BCELoss\n"
        "class Moody(BCELoss):\n"
        "    def __init__(self, mood: int = 0):\n"
        "        super().__init__()\n"
        "        self.mood = mood\n"
        "    def forward(self, triplets):\n"
        "        if self.mood and not Path('cheered').exists():\n"
        "            raise ValueError('in a bad mood')\n"
        "        return super().forward(triplets)\n"
    )
    own = ("loss=custom", "loss._target_=moody.Moody")
    first = command(tmp_path, *own, "+loss.mood=0,1")
    assert first.returncode == 1
    (line,) = [line for line in first.stderr.splitlines() if line.startswith("error")]
    assert line.endswith(": in a bad mood")
    assert "1 finished; 1 failed" in first.stdout
    errors = [read_record(path).error for path in tmp_path.glob("r/*/record.json")]
    (error,) = filter(None, errors)
    assert (error["type"], error["message"]) == ("ValueError", "in a bad mood")
    assert "moody.py" in error["traceback"]
    before = stamps(tmp_path)
    assert len(before) == 2

    (tmp_path / "cheered").touch()
    second = command(tmp_path, *own, "+loss.mood=0,1,2")
    assert second.returncode == 0, second.stderr
    assert "3 finished" in second.stdout
    after = stamps(tmp_path)
    kept = {path for path in before if after[path] == before[path]}
    assert [read_record(path).config["loss"]["mood"] for path in kept] == [0]
    assert {read_record(path).status for path in after} == {"finished"}

    shown = subprocess.run(
        [sys.executable, "-m", "uniseq.status", str(tmp_path / "r")], capture_output=True, text=True
    )
    assert "2 finished; best val/masked/NDCG@10" in shown.stdout.replace("\n", " ")
    assert "3 finished; best val/masked/NDCG@10" in shown.stdout.replace("\n", " ")


def test_a_killed_worker_is_one_line_and_the_next_sweep_goes_on(tmp_path):
    if find_spec("hydra_plugins.hydra_joblib_launcher") is None:
        pytest.skip("needs pip install uniseq-rec[joblib]")
    (tmp_path / "fatal.py").write_text(
        "import os\n"
        "from pathlib import Path\n"
        "from uniseq.losses import BCELoss\n"
        "class Fatal(BCELoss):\n"
        "    def forward(self, triplets):\n"
        "        if not Path('survived').exists():\n"
        "            os.kill(os.getpid(), 9)\n"
        "        return super().forward(triplets)\n"
    )
    options = ("loss=custom", "loss._target_=fatal.Fatal", "seed=0,1", "hydra/launcher=joblib")
    first = command(tmp_path, *options)
    assert first.returncode == 1
    (line,) = [line for line in first.stderr.splitlines() if line.startswith("error")]
    assert line.startswith("error: the launcher stopped: TerminatedWorkerError")
    assert "Traceback" not in first.stderr
    (tmp_path / "survived").touch()
    second = command(tmp_path, *options)
    assert second.returncode == 0, second.stderr
    assert len(stamps(tmp_path)) == 2


def test_sigterm_is_no_success_and_says_how_to_go_on(tmp_path):
    changes = ("trainer.max_epochs=10000", "ranking.patience=10000", f"results_dir={tmp_path}")
    sweep = subprocess.Popen(
        [sys.executable, "-m", "uniseq.run", "--multirun", *TINY, *changes],
        stderr=subprocess.PIPE,
        text=True,
    )
    patience = time.monotonic() + 120
    while not list(tmp_path.glob("*/checkpoints/last.ckpt")) and time.monotonic() < patience:
        time.sleep(0.1)
    sweep.terminate()
    _, said = sweep.communicate()
    assert sweep.returncode == 143
    assert said.splitlines()[-1].startswith("error: ended by SIGTERM; the same --multirun goes on")
    (run,) = Runs(tmp_path).root.glob("*/record.json")
    assert Runs(tmp_path).at_rest(run.parent.name.rpartition("-")[2], "").state == "cut off"


def test_a_damaged_record_is_a_line_and_stops_no_other_run(tmp_path, capsys):
    assert command(tmp_path, "seed=0").returncode == 0
    (damaged,) = stamps(tmp_path)
    whole = damaged.read_text()
    damaged.write_text(whole[: len(whole) // 2])
    second = command(tmp_path, "seed=0,1")
    assert second.returncode == 1
    (line,) = [line for line in second.stderr.splitlines() if line.startswith("error")]
    assert f"{damaged.relative_to(tmp_path)}: is no readable record" in line
    assert line.endswith("; restore it, or delete it and start its sweep again")
    assert "Traceback" not in second.stderr
    assert len(stamps(tmp_path)) == 2
    status.main([str(tmp_path / "r")])
    said = capsys.readouterr().out
    assert "1 finished; 1 unreadable" in said and "is no readable" in said.replace("\n", " ")
    damaged.write_text(whole)
    before = undated(damaged)
    damaged.unlink()
    assert command(tmp_path, "seed=0,1").returncode == 0
    assert undated(damaged) == before


def test_an_axis_that_fits_nothing_is_said_to_be_left_out(tmp_path):
    search = "+hydra.sweeper.search={loss.beta:[.1],loss.bta:[1,2]}"
    said = command(tmp_path, search)
    assert said.returncode == 0, said.stderr
    assert "left out: loss.bta: no component that was chosen has this key\n" in said.stdout
    assert len(stamps(tmp_path)) == 1


def test_two_sweeps_in_one_folder_share_the_runs(tmp_path):
    axis = "seed=0,1,2,3"
    env = os.environ | dict.fromkeys(VARIABLES, "1")
    both = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "uniseq.run", "--multirun", *SHORT, axis),
                f"results_dir={tmp_path}",
            ],
            stdout=subprocess.PIPE,
            text=True,
            env=env,
        )
        for _ in range(2)
    ]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert all("4 finished" in text.splitlines()[-1] for text in said)
    records = [read_record(path) for path in tmp_path.glob("*/record.json")]
    assert sorted(record.seed for record in records) == [0, 1, 2, 3]
    # As many processes as sweeps did them all, each run by one.
    csv = list(tmp_path.glob("*/metrics.csv"))
    assert len(csv) == 4


def once(folder, *overrides):
    return run_once(composed([*SHORT, f"results_dir={folder}", *overrides]), folder)


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


# Lightning makes the last of Ctrl-C.
STOPPED = (ValueError, OSError, UncompletedJobError, SystemExit)


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
    value = run_once(composed(changes), tmp_path)
    (path,) = tmp_path.glob("*/record.json")
    before = path.read_bytes()
    runs = Runs(tmp_path)
    id = path.parent.name.rpartition("-")[2]
    cfg = composed([*changes, "sphere=watch", "sphere.epochs=[0,3]"])
    with pytest.raises(STOPPED):
        finish(cfg, runs.at_rest(id, ""), [Stumble(error, 2)])
    assert path.read_bytes() == before
    assert run_once(composed(changes), tmp_path) == value  # it is over for those who ask no more
    again = Stumble(error, None)
    record = finish(cfg, runs.at_rest(id, ""), [again])
    assert again.seen == seen  # gone on with after an interruption, anew after a fault
    assert [measured["epoch"] for measured in record.sphere] == [0, 3]
    assert record.best == value
    assert read_record(path).sphere == record.sphere


@pytest.mark.parametrize("error", [OSError(28, "No space"), UncompletedJobError("timeout")])
def test_a_fault_of_the_machine_is_no_failure_and_the_run_goes_on_in_a_folder_that_moved(
    tmp_path, error
):
    changes = [*TINY, "trainer.max_epochs=4"]
    runs = Runs(tmp_path / "before")
    cut_off = Run("0", "waiting", runs.folder("0", "a"))
    with pytest.raises(STOPPED):
        finish(composed(changes), cut_off, [Stumble(error, 2)])
    assert runs.at_rest("0", "a").state == "cut off"
    (tmp_path / "before").rename(tmp_path / "after")
    again = Stumble(error, None)
    record = finish(composed(changes), Runs(tmp_path / "after").at_rest("0", "a"), [again])
    assert again.seen == [2, 3]
    assert [epoch["epoch"] for epoch in record.epochs] == [0, 1, 2, 3]


def test_what_is_to_be_measured_is_not_left_out_by_a_resumption(tmp_path):
    changes = [*TINY, "trainer.max_epochs=4"]
    watched = [*changes, "sphere=watch"]
    for epochs, seen in (("[2,3]", [2, 3]), ("[0,3]", [0, 1, 2, 3]), ("[9]", [2, 3])):
        runs = Runs(tmp_path / epochs)
        cut_off = Run("0", "waiting", runs.folder("0", "a"))
        with pytest.raises(STOPPED):
            finish(composed(changes), cut_off, [Stumble(KeyboardInterrupt(), 2)])
        again = Stumble(None, None)
        cfg = composed([*watched, f"sphere.epochs={epochs}"])
        record = finish(cfg, runs.at_rest("0", "a"), [again])
        assert again.seen == seen
        wanted = [epoch for epoch in json.loads(epochs) if epoch < 4]
        assert [entry["epoch"] for entry in record.sphere] == wanted
        run = runs.at_rest("0", "a")
        assert is_over(run, {"sphere": {"epochs": json.loads(epochs)}})
        assert not is_over(run, {"sphere": {"epochs": [1]}})


def of(state, epochs=0, seconds=2.0, best=0.1, left=None):
    """A run in a state, with a record or progress of so many epochs."""
    record = Record(
        status=state,
        name="a",
        config={"ranking": {"history": "masked", "monitor": "NDCG@10"}},
        config_hash="",
        seed=0,
        epochs=[{"epoch": e, "val/masked/NDCG@10": best} for e in range(epochs)],
        timings={"epochs": [{"train": seconds, "validation": 0.0}] * epochs},
    )
    over = state in ("finished", "failed", "pruned")
    return (
        record
        if over
        else {"epochs": epochs, "seconds_an_epoch": seconds, "best": best}
        | ({"watched": "val/masked/NDCG@10"})
    )


class Shelf:
    """Runs that are nowhere but here."""

    def __init__(self, folder, **states):
        self.states, self.folder = states, folder

    def read(self, id, name):
        state, content = self.states[id]
        kept = {"record": content} if isinstance(content, Record) else {"progress": content}
        return Run(id, state, self.folder / name, **(kept if content else {}))


class Noted:
    def __init__(self, id):
        self.id = self.name = id


def test_the_time_left_counts_what_is_running_and_what_waits(tmp_path):
    shelf = Shelf(
        tmp_path,
        a=("finished", of("finished", epochs=10)),  # 20 s
        b=("finished", of("finished", epochs=20, best=0.3)),  # 40 s
        c=("running", of("running", epochs=5, seconds=4.0)),  # 10 more of 4 s
        d=("running", of("running", epochs=40)),  # overdue: one more
        e=("waiting", None),  # 30 s
        f=("cut off", of("cut off", epochs=3)),  # counted whole
    )
    found = survey(shelf, [Noted(id) for id in "abcdef"])
    assert found.counts == {"finished": 2, "running": 2, "cut off": 1, "waiting": 1}
    assert found.seconds_left == (40 + 2 + 30 + 30) / 2
    assert summary(found) == (
        "2 finished; 2 running; 1 cut off; 1 waiting; best val/masked/NDCG@10 0.3000 by b; "
        "about 51 s left"
    )


def test_what_is_over_for_another_sweep_waits_and_what_has_failed_is_settled(tmp_path):
    shelf = Shelf(
        tmp_path,
        a=("finished", of("finished", epochs=10)),  # 20 s
        b=("finished", of("finished", epochs=10)),  # to be repeated, for measurements say
        c=("pruned", of("pruned", epochs=2)),  # to be brought to its end
        d=("failed", of("failed", epochs=1)),  # just now, and not again
    )
    found = survey(shelf, [Noted(id) for id in "abcd"], {}, lambda each, run: each.id in "ad")
    assert found.counts == {"finished": 1, "failed": 1, "waiting": 2}
    assert found.seconds_left == 2 * 20


def test_a_run_known_to_be_finished_is_not_read_again(tmp_path):
    shelf = Shelf(tmp_path, a=("finished", of("finished", epochs=5)), b=("running", None))
    known = {}
    assert survey(shelf, [Noted("a"), Noted("b")], known).counts == {"finished": 1, "running": 1}
    shelf.states = {"b": ("finished", of("finished", epochs=5))}
    assert survey(shelf, [Noted("a"), Noted("b")], known).counts == {"finished": 2}


def test_nothing_is_said_of_the_time_before_a_run_is_over(tmp_path):
    shelf = Shelf(tmp_path, a=("running", of("running", epochs=5)), b=("waiting", None))
    found = survey(shelf, [Noted("a"), Noted("b")])
    assert found.seconds_left is None
    assert "left" not in summary(found)
    assert summary(Survey([], 0.0)) == ""


def test_status_shows_errors_and_refuses_a_folder_without_sweeps(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        status.main([str(tmp_path)])
    assert stop.value.code == 1
    assert capsys.readouterr().err == (
        f"error: {tmp_path}: holds no sweep; name the results_dir of one\n"
    )
    plan = {"name": "table9", "command": ["x=1"], "runs": [{"id": "abc", "name": "run"}]}
    (tmp_path / ".sweeps").mkdir()
    (tmp_path / ".sweeps" / "a.json").write_text(json.dumps(plan))
    record = of("failed", epochs=1)
    record.error = {"type": "DataError", "message": "no such file"}
    write_record(tmp_path / "run-abc", record)
    status.main([str(tmp_path)])
    said = capsys.readouterr().out
    assert "table9  (x=1)" in said and "1 failed" in said
    assert "DataError: no such file" in said.replace("\n", " ")
    (tmp_path / ".sweeps" / "a.json").write_text("[]")
    with pytest.raises(SystemExit):
        status.main([str(tmp_path)])
    assert "a.json: is no plan of a sweep" in capsys.readouterr().err
