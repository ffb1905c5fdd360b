"""The committed records: which of them are in a cell of the paper's tables."""

from pathlib import Path

import pytest

from uniseq.report.__main__ import TABLES
from uniseq.report.cells import fill
from uniseq.report.entries import read_entries
from uniseq.report.table_files import read_tables

RESULTS = Path(__file__).parents[2] / "experiments" / "results"

# Whole users as samples, twice, and a setting that is in no grid of the paper.
IN_NONE = {
    "beauty_sasrec_uniform_cosine_seed0-01330a15f4a9",
    "toys_sasrec_uniform_cosine_seed0-c84901b0cb9e",
    "yelp_sasrec_uniform_cosine_seed0-c16b2946d565",
}


@pytest.fixture(scope="module")
def filled():
    runs, unreadable = read_entries(RESULTS)
    assert unreadable == []
    return runs, [fill(table, runs) for table in read_tables(TABLES)]


def test_every_record_is_tried_for_a_cell_but_for_those_that_break_the_protocol(filled):
    runs, tables = filled
    tried = {
        run.path.parent.name
        for cells in tables
        for cell in cells.values()
        for setting in cell.tried
        for run in setting.runs
    }
    assert {run.path.parent.name for run in runs} - tried == IN_NONE
    assert [note for cells in tables for cell in cells.values() for note in cell.notes] == []


def test_infonce_on_the_cosine_is_in_a_row_of_our_own(filled):
    _, (one, *_) = filled
    cell = one["beauty", "sasrec", "infonce_cosine"]
    assert cell.printed == {}
    assert round(cell.means["masked/HR@10"].mean, 4) == 0.0798
    assert one["beauty", "sasrec", "infonce"].printed == {"HR@10": 0.0588, "NDCG@10": 0.0261}


def test_the_objective_is_6_to_13_percent_under_the_print_unmasked(filled):
    _, (one, *_) = filled
    ratios = [
        one[panel, "sasrec", "uniform"].means[f"unmasked/{metric}"].ratio
        for panel in ("beauty", "toys", "sports", "yelp")
        for metric in ("HR@10", "NDCG@10")
    ]
    assert (round(1 - max(ratios), 2), round(1 - min(ratios), 2)) == (0.06, 0.13)


def test_a_run_that_the_cap_cut_off_has_no_ratio(filled):
    _, (one, *_) = filled
    cell = one["toys", "caser", "bpr"]
    assert cell.capped
    assert {mean.ratio for mean in cell.means.values()} == {None}
