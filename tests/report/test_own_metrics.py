"""A report on metrics beyond the default: what has known gains is tested, one's own is shown."""

import csv
import math

import numpy as np
import pytest

from tests.report.cases import on_disk, record, table
from uniseq.report.build import build_report
from uniseq.report.cells import fill
from uniseq.report.entries import read_entries
from uniseq.report.judging.comparisons import comparisons
from uniseq.report.judging.judge import verdicts
from uniseq.report.judging.significance import compare, gains, holm

OURS, BASE = [1, 1, 2, 2, 50, 60, 3, 4], [30, 2, 30, 30, 30, 30, 10, 30]
METRICS = ["HR@10", "MAP@10", "Mine@10"]
SHOWN = table(metrics=METRICS, printed={})


@pytest.fixture
def folder(tmp_path):
    """Two records with the figures of their ranks, and one metric of one's own."""
    untrained = {f"{side}/{name}": 0.1 for side in ("masked", "unmasked") for name in METRICS}
    for row, ranks, mine in (("ours", OURS, 0.5), ("base", BASE, 0.75)):
        content = record(row)
        figures = {name: float(gains(np.array(ranks), name).mean()) for name in METRICS[:2]}
        both = {
            f"{side}/{name}": value
            for side in ("masked", "unmasked")
            for name, value in {**figures, "Mine@10": mine}.items()
        }
        # One has measured more than the table shows.
        more = {"masked/More@10": 0.0} if row == "base" else {}
        content.test, content.yardsticks = both | more, {"popularity": untrained | more}
        on_disk(tmp_path / row, content, ranks)
    return tmp_path


def test_what_has_gains_is_tested_and_the_correction_counts_no_other(folder):
    (found, _) = comparisons(SHOWN, fill(SHOWN, read_entries(folder)[0]))
    assert found.problem is None
    precision = compare(gains(np.array(OURS), "MAP@10"), gains(np.array(BASE), "MAP@10"))
    assert found.differences["masked/MAP@10"] == precision
    own = found.differences["masked/Mine@10"]
    assert (own.mean, own.test) == (-0.25, "none: one's own metric")
    tested = [name for name in found.differences if "Mine" not in name]
    raw = [found.differences[name].p for name in tested]
    assert [found.corrected[name] for name in tested] == holm(raw)
    assert math.isnan(found.corrected["masked/Mine@10"])


def test_a_claim_goes_by_the_means_of_ones_own_metric_and_says_so(folder):
    found = verdicts(SHOWN, fill(SHOWN, read_entries(folder)[0]))[0]
    hits, _, mine = found.findings
    assert (hits.p is None, mine.p, mine.shown) == (False, None, False)
    assert found.evidence.endswith(
        "not tested: Mine@10: a metric of one's own has no gains by user in a record: it cannot be "
        "tested"
    )


def test_every_format_shows_it(folder):
    out = folder / "report"
    build_report(folder, out, [SHOWN])
    with (out / "small_tests.csv").open() as file:
        lines = [line for line in csv.DictReader(file) if line["metric"] == "Mine@10"]
    assert [float(line["difference"]) for line in lines] == [-0.25, -0.25]
    for line in lines:
        blank = [line[name] for name in ("low", "high", "p", "p_holm")]
        assert (line["test"], *blank) == ("none: one's own metric", "", "", "", "")
    (row,) = [
        line
        for line in (out / "report.md").read_text().splitlines()
        if line.startswith("| One · Net | masked ")
    ]
    assert row.endswith("| −.2500 | – to – | – | none: one's own metric |")
    page = (out / "report.html").read_text()
    assert "−.2500<span" in page
    assert "nan" not in page + (out / "report.md").read_text() + (out / "small.tex").read_text()


def test_records_with_other_metrics_stand_side_by_side(folder):
    on_disk(folder / "other", record("other"))
    report, _ = build_report(folder, folder / "report", [SHOWN])
    section = report.sections[0]
    assert section.cells["one", "net", "other"].state == "not run"
    assert [note.rpartition("/record.json ")[2] for note in section.notes] == [
        "has no masked/MAP@10, masked/Mine@10, unmasked/MAP@10, unmasked/Mine@10"
    ]


def test_a_run_that_measures_more_is_no_other_setting_and_no_other_result(folder):
    more = record("base")
    more.config["ranking"]["metrics"] = [*METRICS, {"_target_": "mine.More", "places": [1, 2]}]
    less = read_entries(folder / "base")[0][0].record
    more.test, more.yardsticks = less.test | {"masked/Else@10": 1.0}, less.yardsticks
    on_disk(folder / "more", more, BASE)
    section = build_report(folder, folder / "report", [SHOWN])[0].sections[0]
    assert (section.cells["one", "net", "base"].settings, section.notes) == (1, [])


def test_settings_may_be_lists(folder):
    for row in ("ours", "base"):
        content = read_entries(folder / row)[0][0].record
        content.config["optimizer"]["betas"] = [0.9, 0.999]
        on_disk(folder / row, content, OURS)
    section = build_report(folder, folder / "report", [SHOWN])[0].sections[0]
    assert section.common_settings["all"]["optimizer.betas"] == [0.9, 0.999]
