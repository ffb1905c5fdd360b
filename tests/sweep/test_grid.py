"""A sweep does each run once, takes failures as they come, and says how it stands."""

import os
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest

from tests.config_runs import TINY, undated
from uniseq import status
from uniseq.records.folders import Runs
from uniseq.records.store import read_record
from uniseq.sweep.processes import VARIABLES

SHORT = (*TINY, "trainer=smoke")


def command(folder, *overrides):
    """The finished process of a sweep."""
    path = filter(None, [str(folder), os.environ.get("PYTHONPATH")])
    return subprocess.run(
        [sys.executable, "-m", "uniseq.run", "--multirun", *SHORT, "results_dir=r", *overrides],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | dict.fromkeys(VARIABLES, "1") | {"PYTHONPATH": os.pathsep.join(path)},
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
    assert said.splitlines()[-1].startswith("error: ended by SIGTERM; the same command goes on")
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
