"""Cells are filled by content, chosen on validation, and say what is missing."""

import pytest

from tests.report.cases import record, runs, table
from uniseq.report.cells import fill

OURS, BASE, OTHER = (("one", "net", row) for row in ("ours", "base", "other"))


def cells(*records, **changes):
    return fill(table(**changes), runs(*records))


def test_mean_and_deviation_over_seeds_and_the_ratio_to_the_printed_number():
    cell = cells(*(record(seed=s, test=t) for s, t in ((0, 0.1), (1, 0.2), (2, 0.6))))[OURS]
    figure = cell.means["unmasked/HR@10"]
    assert figure.mean == pytest.approx(0.3)
    assert figure.std == pytest.approx(0.07**0.5)  # (.04 + .01 + .09) / (3 - 1)
    assert figure.ratio == pytest.approx(0.6)  # to .5
    assert cell.means["masked/NDCG@10"].ratio == pytest.approx(0.75)  # to .4
    assert [run.record.seed for run in cell.runs] == [0, 1, 2]
    assert cell.settings == 1


def test_one_seed_has_no_deviation_and_no_number_no_ratio():
    figure = cells(record("base", seed=7))[BASE].means["masked/HR@10"]
    assert (figure.std, figure.ratio, figure.best) == (None, None, False)


def test_the_setting_is_chosen_on_validation_and_never_on_test():
    chosen = cells(
        record(lr=0.1, seed=0, validation=[0.1, 0.50], test=0.2),
        record(lr=0.1, seed=1, validation=[0.42, 0.2], test=0.2),
        record(lr=0.5, seed=0, validation=[0.45], test=0.9),  # the best test
        record(lr=0.9, seed=0, validation=[0.44], test=0.3),
    )[OURS]
    assert chosen.means["masked/HR@10"].mean == pytest.approx(0.2)
    assert len(chosen.runs) == 2
    assert chosen.settings == 3
    assert chosen.chosen == {"optimizer.lr": 0.1}
    assert [tried.validation for tried in chosen.tried] == [0.5, 0.45, 0.44]  # of seed 0
    assert [tried.values["optimizer.lr"] for tried in chosen.tried] == [0.1, 0.5, 0.9]


def test_more_seeds_are_no_drawback_and_luckier_ones_no_merit():
    a = [record(lr=0.1, seed=s, validation=[v]) for s, v in ((0, 0.50), (1, 0.46), (2, 0.46))]
    b = [record(lr=0.5, seed=0, validation=[0.49])]
    assert cells(*a, *b)[OURS].chosen == {"optimizer.lr": 0.1}  # .50 against .49
    luckier = record(lr=0.5, seed=3, validation=[0.9])
    assert cells(*a, *b, luckier)[OURS].chosen == {"optimizer.lr": 0.1}
    apart = cells(*a, luckier)[OURS]  # no seed in common
    assert [tried.validation for tried in apart.tried] == pytest.approx([0.9, 0.4733], abs=1e-4)
    equal = cells(record(lr=0.5, validation=[0.5]), *a)[OURS]
    assert len(equal.runs) == 3


def test_settings_that_a_search_gave_up_were_tried_too():
    pruned = [record(lr=lr, status="pruned", test={}) for lr in (0.1, 0.2, 0.3)]
    cell = cells(record(lr=0.1), *pruned)[OURS]  # of .1 a grid has completed the run
    assert (cell.settings, len(cell.tried), cell.pruned) == (3, 1, 2)


def test_other_data_is_another_setting():
    other = {"name": "x", "fingerprint": "else", "ranked_users": {"test": 8}}
    cell = cells(record(seed=0), record(seed=1, dataset=other, validation=[0.9]))[OURS]
    assert cell.settings == 2
    assert [run.record.seed for run in cell.runs] == [1]


def test_paths_names_and_folders_of_data_are_no_setting():
    first, second = record(seed=0), record(seed=1)
    second.config |= {"name": "else", "results_dir": "/elsewhere", "threads": 3, "tags": ["x"]}
    second.config["ranking"] = second.config["ranking"] | {"ks": [1, 10]}
    second.config["dataset"]["eval_batch_size"] = 7
    assert cells(first, second)[OURS].settings == 1


def test_a_seed_counts_once_and_a_repeat_that_differs_is_noted():
    cell = cells(
        record(seed=0, test=0.2, validation=[0.3]), record(seed=0, test=0.4, validation=[0.4])
    )[OURS]  # the first: the better one would be the best of two draws
    assert (len(cell.runs), cell.means["masked/HR@10"].mean) == (1, 0.2)
    (note,) = cell.notes
    assert "/runs/1/record.json repeats /runs/0/record.json" in note
    assert cells(record(seed=0), record(seed=0))[OURS].notes == ()


def test_what_was_not_run_failed_or_was_pruned_fills_nothing():
    filled = cells(
        record("base", status="failed", test={}, epochs=[]),
        record("other", status="pruned", test={}, validation=[0.9]),
    )
    assert [filled[key].state for key in (OURS, BASE, OTHER)] == ["not run", "failed", "pruned"]
    assert all(cell.means == {} for cell in filled.values())
    both = cells(record(status="failed", seed=0), record(status="interrupted", seed=1))[OURS]
    assert both.state == "failed and interrupted"


def test_a_failure_that_was_made_good_is_forgotten_and_another_is_not():
    good = cells(record(), record(status="failed"))[OURS]
    assert (good.state, good.broken) == ("run", ())
    other = cells(record(), record(status="failed", lr=9.0))[OURS]
    assert (other.state, len(other.broken)) == ("run", 1)


def test_a_run_with_changes_that_are_in_no_commit_is_marked():
    assert not cells(record())[OURS].changed
    changed = record(seed=1, environment={"commit": "0123abc-dirty"})
    assert cells(record(), changed)[OURS].changed


def test_a_run_that_met_the_cap_is_marked_and_has_no_ratio():
    cut = cells(record(), record(seed=1, stopped="cap of 45 epochs reached"))[OURS]
    assert cut.capped
    assert all(mean.capped and mean.ratio is None for mean in cut.means.values())
    whole = cells(record())[OURS]
    assert not whole.capped
    assert not any(mean.capped or mean.ratio is None for mean in whole.means.values())


def test_the_best_of_a_group_is_marked_and_ties_are_both_best():
    filled = cells(record("ours", test=0.3), record("base", test=0.3), record("other", test=0.1))
    best = [filled[key].means["masked/HR@10"].best for key in (OURS, BASE, OTHER)]
    assert best == [True, True, False]
    assert not cells(record())[OURS].means["masked/HR@10"].best  # nothing to be better than


def test_an_optional_row_is_there_only_where_it_was_run():
    rows = dict(table().model_dump()["rows"])
    rows["other"] |= {"optional": True}
    assert OTHER not in cells(record(), rows=rows)
    filled = cells(record("other"), rows=rows)
    assert OTHER in filled
    assert ("two", "net", "other") not in filled


def test_a_record_without_the_metrics_of_the_table_is_named():
    cell = cells(record(test=0.1), record(seed=1), metrics=["HR@5", "NDCG@10"], printed={})[OURS]
    assert cell.state == "not run"
    assert cell.notes[0] == "/runs/0/record.json has no masked/HR@5, unmasked/HR@5"
