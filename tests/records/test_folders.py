"""The runs of a results folder as they stand, and the right to work on one of them."""

import subprocess
import sys

import pytest

from tests.records.cases import record
from uniseq.records.folders import Runs, write_progress
from uniseq.records.identity import run_id
from uniseq.records.store import write_record

ID = run_id("a config's hash", "a data set's fingerprint")
HOLD = """
import sys
from pathlib import Path
from uniseq.records.folders import Runs
with Runs(Path(sys.argv[1])).claim(sys.argv[2]) as mine:
    print(mine, flush=True)
    sys.stdin.readline()
"""


def held(folder):
    """Another process that works on the run."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), ID],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "True\n"
    return process


def test_an_id_depends_on_config_and_data():
    assert len({run_id("a", "b"), run_id("a", "c"), run_id("c", "b"), run_id("b", "a")}) == 4
    assert run_id("a", "b") == run_id("a", "b")
    assert ID.isalnum() and len(ID) == 12


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("finished", "finished"),
        ("failed", "failed"),
        ("pruned", "pruned"),
        ("interrupted", "cut off"),
    ],
)
def test_a_run_that_nobody_is_at_is_what_its_record_says(status, state, tmp_path):
    runs = Runs(tmp_path)
    write_record(runs.folder(ID, "name"), record(status=status))
    run = runs.read(ID, "name")
    assert (run.state, run.record.status) == (state, status)
    assert run.folder == tmp_path / f"name-{ID}"


def test_without_a_record_a_run_waits_or_was_cut_off(tmp_path):
    runs = Runs(tmp_path)
    assert runs.read(ID, "name").state == "waiting"
    assert list(tmp_path.iterdir()) == []  # looking leaves nothing behind
    write_progress(tmp_path / f"name-{ID}", {"epochs": 3})
    run = runs.read(ID, "name")
    assert (run.state, run.progress) == ("cut off", {"epochs": 3})


def test_a_run_keeps_the_folder_that_it_has_under_another_name(tmp_path):
    runs = Runs(tmp_path)
    write_record(runs.folder(ID, "before"), record(status="finished"))
    assert runs.folder(ID, "after") == tmp_path / f"before-{ID}"
    assert runs.read(ID, "after").state == "finished"
    assert runs.folder(run_id("x", "y"), "after").name.startswith("after-")


def test_one_process_works_on_a_run_and_its_death_frees_it(tmp_path):
    runs = Runs(tmp_path)
    other = held(tmp_path)
    write_record(runs.folder(ID, "name"), record(status="interrupted"))
    assert runs.read(ID, "name").state == "running"
    with runs.claim(ID) as mine:
        assert mine is False
    with runs.claim(run_id("x", "y")) as mine:
        assert mine is True
    other.kill()
    other.wait()
    assert runs.read(ID, "name").state == "cut off"
    with runs.claim(ID) as mine:
        assert mine is True
        assert runs.claimed(ID)
    assert not runs.claimed(ID)


def test_looking_needs_no_right_to_write_and_leaves_nothing(tmp_path):
    runs = Runs(tmp_path)
    other = held(tmp_path)
    lock = tmp_path / ".locks" / ID
    lock.chmod(0o444)
    before = sorted(tmp_path.rglob("*")), lock.stat().st_mtime_ns
    assert runs.claimed(ID)
    assert not runs.claimed(run_id("x", "y"))
    other.kill()
    other.wait()
    assert not runs.claimed(ID)
    assert (sorted(tmp_path.rglob("*")), lock.stat().st_mtime_ns) == before
    (tmp_path / ".locks" / "folder").mkdir()
    assert not runs.claimed("folder")


@pytest.mark.parametrize("content", ["[]", '{"epochs": "3"}', '{"best": [1]}', '{"watched": 1}'])
def test_progress_of_another_shape_says_nothing(content, tmp_path):
    (tmp_path / f"name-{ID}").mkdir()
    (tmp_path / f"name-{ID}" / "progress.json").write_text(content)
    run = Runs(tmp_path).read(ID, "name")
    assert (run.state, run.progress) == ("waiting", None)


@pytest.mark.parametrize("content", ["{", "", "[]", "\x00"])
def test_a_torn_progress_file_blocks_nothing(tmp_path, content):
    (tmp_path / f"name-{ID}").mkdir()
    (tmp_path / f"name-{ID}" / "progress.json").write_text(content)
    found = Runs(tmp_path).read(ID, "name")
    assert (found.state, found.progress, found.fault) == ("waiting", None, None)


def test_a_folder_in_place_of_a_lock_is_set_aside_by_who_claims_the_run(tmp_path):
    lock = tmp_path / ".locks" / ID
    lock.mkdir(parents=True)
    runs = Runs(tmp_path)
    assert not runs.claimed(ID)
    assert lock.is_dir()  # who only looks moves nothing
    with runs.claim(ID) as mine:
        assert mine
        assert runs.claimed(ID)
    assert lock.with_name(f"{ID}.damaged-1").is_dir()
