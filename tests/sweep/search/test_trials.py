"""Trials of a search: each combination once, none lost, and only validation figures told."""

import shutil

import pytest

pytest.importorskip("optuna", reason="needs pip install uniseq-rec[optuna]")

from optuna.trial import TrialState

from tests.config_runs import undated
from tests.sweep.counting import counted
from tests.sweep.search.searching import NAME, RATES, begin, config, told, trial
from uniseq.config import recipes
from uniseq.config.recipes import recipe
from uniseq.data.sources.synthetic import Synthetic
from uniseq.errors import DataError, UniseqError
from uniseq.records.folders import LAST, Runs
from uniseq.records.store import read_record
from uniseq.sweep.search import trial as trials
from uniseq.sweep.search.study import Study
from uniseq.sweep.worker import finish, run_once

PRUNE = "optuna.pruners.SuccessiveHalvingPruner.prune"


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """All four rates, tried one after the other."""
    root = tmp_path_factory.mktemp("searched")
    begin(root, trials=4)
    values = [trial(root) for _ in range(4)]
    assert trial(root) is None
    return root, values


def runs(root):
    return sorted(root.glob("*/record.json"))


def test_a_search_has_as_many_trials_as_it_is_to_have(searched):
    root, values = searched
    outcomes = told(Study(root, NAME))
    assert len(outcomes) == len(runs(root)) == 4
    assert {params["optimizer.lr"] for _, params, *_ in outcomes} == set(RATES["optimizer.lr"])
    assert [max(steps.values()) for *_, steps in outcomes] == values


def test_what_learns_nothing_is_pruned_and_never_the_best(searched):
    study = Study(searched[0], NAME)
    states = {params["optimizer.lr"]: state for _, params, state, *_ in told(study)}
    assert states["1e-12"] == "PRUNED"
    assert study.best().params["optimizer.lr"] != "1e-12"
    assert study.best().value == max(t.value for t in study.trials(TrialState.COMPLETE))


def test_the_study_knows_the_validation_figures_of_the_records_and_nothing_else(searched):
    study = Study(searched[0], NAME)
    records = {
        record.config["optimizer"]["lr"]: record for record in map(read_record, runs(searched[0]))
    }
    for _, params, state, value, steps in told(study):
        record = records[float(params["optimizer.lr"])]
        figures = [epoch["val/masked/NDCG@10"] for epoch in record.epochs]
        assert steps == dict(enumerate(figures, start=1))
        assert record.status == {"COMPLETE": "finished", "PRUNED": "pruned"}[state]
        if state == "COMPLETE":
            assert value == max(figures)
    journal = (searched[0] / ".sweeps" / f"{NAME}.journal").read_text()
    assert "test/" not in journal


def test_the_same_seed_gives_the_same_trials(searched, tmp_path):
    study = begin(tmp_path, trials=4)
    for _ in range(4):
        trial(tmp_path)
    assert told(study) == told(Study(searched[0], NAME))


def test_what_another_search_did_is_told_from_its_records(searched, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(searched[0], root, ignore=shutil.ignore_patterns(".sweeps"))
    complete = [path for path in runs(root) if read_record(path).status == "finished"]
    before = {path: path.stat().st_mtime_ns for path in complete}
    first = {params["optimizer.lr"]: rest for _, params, *rest in told(Study(searched[0], NAME))}
    again = begin(root, trials=4, seed=1)
    for _ in range(4):
        assert trial(root) is not None
    for _, params, *rest in told(again):
        if first[params["optimizer.lr"]][0] == "COMPLETE":
            assert rest == first[params["optimizer.lr"]]
        else:  # in another order the pruner gives up others, or later: the run went on
            *_, steps = rest
            assert first[params["optimizer.lr"]][-1].items() <= steps.items()
    assert before
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_verdict_outlives_its_process_and_a_more_patient_search_goes_on(tmp_path, monkeypatch):
    begin(tmp_path, {"optimizer.lr": ["3e-3"]}, trials=1)
    monkeypatch.setattr(PRUNE, lambda self, study, trial: trial.last_step == 2)

    def die(self):
        if self.given_up is not None:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("uniseq.sweep.search.pruning.PruningCallback.give_up", die)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            trial(tmp_path)
    assert trial(tmp_path) is not None
    (path,) = runs(tmp_path)
    assert (read_record(path).status, len(read_record(path).epochs)) == ("pruned", 2)

    shutil.rmtree(tmp_path / ".sweeps")
    study = begin(tmp_path, {"optimizer.lr": ["3e-3"]}, trials=1)
    monkeypatch.setattr(PRUNE, lambda self, study, trial: False)
    assert trial(tmp_path) is not None
    ((_, _, state, _, steps),) = told(study)
    assert (state, list(steps)) == ("COMPLETE", [1, 2, 3, 4])
    assert read_record(path).status == "finished"


@pytest.mark.parametrize("way", ["grid", "grid, cut off"])
def test_a_pruned_run_is_brought_to_its_end_by_a_grid(way, tmp_path, monkeypatch):
    begin(tmp_path / "a", {"optimizer.lr": ["3e-3"]}, trials=1)
    monkeypatch.setattr(PRUNE, lambda self, study, trial: trial.last_step == 2)
    assert trial(tmp_path / "a") is not None
    (path,) = runs(tmp_path / "a")
    record = read_record(path)
    assert (record.status, len(record.epochs), record.test) == ("pruned", 2, {})
    assert "after 2 epochs" in record.stopped
    assert not (path.parent / "progress.json").exists()
    assert (path.parent / LAST).exists()

    if way == "grid, cut off":
        cut_off(tmp_path / "a", path.parent)
    for folder in ("a", "b"):
        run_once(recipe(config(tmp_path / folder, "optimizer.lr=3e-3")), tmp_path / folder)
    (undisturbed,) = runs(tmp_path / "b")
    assert len(read_record(path).epochs) == 4
    assert undated(path) == undated(undisturbed)
    assert (
        path.with_name("ranks.npz").read_bytes() == undisturbed.with_name("ranks.npz").read_bytes()
    )
    # The epochs that the search had done were not done again.
    assert read_record(path).timings["epochs"][:2] == record.timings["epochs"]


def cut_off(root, folder):
    """Take a run one epoch further and leave it as a killed process does."""
    from lightning.pytorch import Callback

    class Kill(Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            if trainer.current_epoch == 3:
                raise KeyboardInterrupt

    made = recipe(config(root, "optimizer.lr=3e-3"))
    kept = (folder / "record.json").read_bytes()
    run = Runs(root).at_rest(folder.name.rpartition("-")[2], "unused")
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        finish(made, run, [Kill()])
    (folder / "record.json").write_bytes(kept)  # a killed process writes none


def test_a_trial_whose_process_died_goes_on_under_its_number(tmp_path, monkeypatch):
    study = begin(tmp_path, {"optimizer.lr": ["3e-3", "1e-2"]}, trials=1)

    def die(self, trainer, pl_module):
        if trainer.current_epoch == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("uniseq.sweep.search.pruning.PruningCallback.on_train_epoch_start", die)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            trial(tmp_path)
    (path,) = runs(tmp_path)
    before = read_record(path)
    assert [t.state for t in study.trials()] == [TrialState.RUNNING]
    assert len(before.epochs) == 2

    study = begin(tmp_path, {"optimizer.lr": ["3e-3", "1e-2"]}, trials=1)
    assert trial(tmp_path) is not None
    ((number, _, state, _, steps),) = told(study)
    assert (number, state, list(steps)) == (0, "COMPLETE", [1, 2, 3, 4])
    assert read_record(path).timings["epochs"][:2] == before.timings["epochs"]
    assert trial(tmp_path) is None


def test_a_combination_in_other_hands_is_left_to_them(tmp_path):
    study = begin(tmp_path, {"optimizer.lr": ["3e-3", "1e-2"]}, trials=2)
    assert trial(tmp_path) is not None
    (path,) = runs(tmp_path)
    (first,) = told(study)
    other = {"3e-3": "1e-2", "1e-2": "3e-3"}[first[1]["optimizer.lr"]]
    run_once(recipe(config(tmp_path, f"optimizer.lr={other}")), tmp_path)
    (theirs,) = set(runs(tmp_path)) - {path}
    theirs.unlink()
    with Runs(tmp_path).claim(theirs.parent.name.rpartition("-")[2]):
        assert trial(tmp_path) is None
        assert study.wanted() == 1
        assert not study.exhausted
    assert trial(tmp_path) is not None
    assert study.wanted() == 0


def test_what_clashes_is_never_run_and_the_search_ends_with_what_there_is(tmp_path):
    space = {"backbone.dim": ["8", "12"], "backbone.heads": ["1", "3"]}
    study = begin(tmp_path, space, trials=9, leave_out=["backbone.heads"])
    found = 0
    while trial(tmp_path, "trainer.max_epochs=1") is not None:
        found += 1
    assert found == 3
    assert study.exhausted
    assert study.wanted() == 0
    backbones = [read_record(path).config["backbone"] for path in runs(tmp_path)]
    assert {(each["dim"], each["heads"]) for each in backbones} == {(8, 1), (12, 1), (12, 3)}
    (plan,) = (tmp_path / ".sweeps").glob("*.json")
    assert plan.read_text().count('"id"') == 3


def test_a_run_that_fails_is_told_and_not_tried_again_before_the_next_start(tmp_path, monkeypatch):
    study = begin(tmp_path, {"optimizer.lr": ["3e-3", "1e-2"]}, trials=2)

    def fail(recipe, run, watchers):
        raise UniseqError("the disk is full\nand the moon too")

    with monkeypatch.context() as patched:
        patched.setattr(trials, "finish", fail)
        for _ in range(2):
            with pytest.raises(UniseqError, match=r"^synthetic_.*: the disk is full\nsynth.* too$"):
                trial(tmp_path)
        assert trial(tmp_path) is None
    failed = [t for t in study.trials() if "fault" in t.user_attrs]
    assert {t.params["optimizer.lr"] for t in failed} == {"3e-3", "1e-2"}
    study = begin(tmp_path, {"optimizer.lr": ["3e-3", "1e-2"]}, trials=2)
    assert study.wanted() == 2
    assert trial(tmp_path) is not None


def test_a_line_that_was_cut_off_does_not_spoil_the_journal(tmp_path):
    begin(tmp_path)
    path = tmp_path / ".sweeps" / f"{NAME}.journal"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"op_code":4,"wor')
    assert Study(tmp_path, NAME).search.trials == 3
    assert path.read_bytes() == whole
    path.write_bytes(b"what?\n" + whole)
    with pytest.raises(DataError, match="delete it, the runs are kept"):
        Study(tmp_path, NAME)


def test_a_run_whose_last_epoch_it_was_is_not_given_up(tmp_path, monkeypatch):
    study = begin(tmp_path, {"optimizer.lr": ["3e-3"]}, trials=1)
    monkeypatch.setattr(PRUNE, lambda self, study, trial: trial.last_step == 4)
    trial(tmp_path)
    assert [outcome[2] for outcome in told(study)] == ["COMPLETE"]


def test_a_trial_is_checked_once_and_its_data_are_read_once(tmp_path, monkeypatch):
    begin(tmp_path, {"optimizer.lr": ["3e-3"]}, trials=1)
    checks = counted(monkeypatch, recipes, "check_config")
    reads = counted(monkeypatch, Synthetic, "load")
    assert trial(tmp_path) is not None
    assert (len(checks), len(reads)) == (1, 1)


def test_a_study_is_told_the_epochs_that_were_validated(tmp_path):
    study = begin(tmp_path, {"optimizer.lr": ["3e-3"]}, trials=1)
    assert trial(tmp_path, "trainer.check_val_every_n_epoch=2") is not None
    ((_, _, state, value, steps),) = told(study)
    assert (state, list(steps)) == ("COMPLETE", [2, 4])
    (path,) = runs(tmp_path)
    assert value == max(steps.values()) == read_record(path).best
