"""A survey says how a sweep stands, from what its runs have left."""

import json

import pytest

from tests.records.cases import CONFIG
from uniseq import status
from uniseq.records.folders import Run, Runs
from uniseq.records.record import Record
from uniseq.records.store import write_record
from uniseq.sweep.display import summary
from uniseq.sweep.survey import PlannedRun, Survey, survey


def of(state, epochs=0, seconds=2.0, best=0.1, left=None):
    """A run in a state, with a record or progress of so many epochs."""
    record = Record(
        status=state,
        name="a",
        config=CONFIG,
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


def planned(ids):
    return [PlannedRun(id, id) for id in ids]


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
    found = survey(shelf, planned("abcdef"))
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
    found = survey(shelf, planned("abcd"), {}, lambda each, run: each.id in "ad")
    assert found.counts == {"finished": 1, "failed": 1, "waiting": 2}
    assert found.seconds_left == 2 * 20


def test_a_run_known_to_be_finished_is_not_read_again(tmp_path):
    shelf = Shelf(tmp_path, a=("finished", of("finished", epochs=5)), b=("running", None))
    known = {}
    assert survey(shelf, planned("ab"), known).counts == {"finished": 1, "running": 1}
    shelf.states = {"b": ("finished", of("finished", epochs=5))}
    assert survey(shelf, planned("ab"), known).counts == {"finished": 2}


def test_nothing_is_said_of_the_time_before_a_run_is_over(tmp_path):
    shelf = Shelf(tmp_path, a=("running", of("running", epochs=5)), b=("waiting", None))
    found = survey(shelf, planned("ab"))
    assert found.seconds_left is None
    assert "left" not in summary(found)
    assert summary(Survey([], 0.0)) == ""


def test_a_run_cut_off_before_its_first_validation_has_no_best_figure(tmp_path):
    record = of("failed", epochs=2)
    for epoch in record.epochs:
        del epoch["val/masked/NDCG@10"]
    shelf = Shelf(tmp_path, a=("cut off", record))
    assert summary(survey(shelf, planned("a"))) == "1 cut off"


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


def test_status_shows_the_others_reads_alone_and_prints_nothing_that_moves_the_cursor(
    tmp_path, capsys
):
    folder = tmp_path / ".sweeps"
    folder.mkdir()
    plans = {
        "a": {"name": "x", "command": [], "runs": [{"id": "abc", "name": "../../run"}]},
        "b": {"name": "x", "command": [], "runs": [{"id": "**/*", "name": "run"}]},
        "c": {"name": "x", "command": [1], "runs": []},
        "d": {"name": "[red]x\x1b[2J", "command": ["a=1"], "runs": [{"id": "abc", "name": "run"}]},
        "e": {"name": "x", "command": [], "runs": [{"id": 3, "name": "run"}]},
    }
    for name, plan in plans.items():
        (folder / f"{name}.json").write_text(json.dumps(plan))
    record = of("failed", epochs=1)
    record.error = {"type": "\x1b[31m", "message": "one\ntwo\x1b[0m"}
    write_record(tmp_path / "run-abc", record)
    (tmp_path / "other-abd").mkdir()
    (tmp_path / "other-abd" / "record.json").write_text('{"schema": 1, "status": "running"}')
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as stop:
        status.main([str(tmp_path)])
    assert stop.value.code == 1
    said = capsys.readouterr()
    assert said.err.count("is no plan of a sweep") == said.err.count("\n") == 4
    assert "\x1b" not in said.out + said.err
    assert "[red]x\\x1b[2J" in said.out
    assert "1 failed" in said.out
    assert sorted(tmp_path.rglob("*")) == before


def test_a_record_that_says_running_is_unreadable_and_no_run_that_is_waited_for(tmp_path):
    folder = tmp_path / "run-abc"
    folder.mkdir()
    (folder / "record.json").write_text('{"schema": 1, "status": "running"}')
    found = survey(Runs(tmp_path), [PlannedRun("abc", "run")])
    assert [run.state for run in found.runs] == ["unreadable"]
    assert "record.json: is not a record" in found.runs[0].fault
