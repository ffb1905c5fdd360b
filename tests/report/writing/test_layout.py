"""A column is decided in one place, and every format writes what it holds."""

import csv

import pytest

from tests.report.cases import on_disk, record, table
from uniseq.report.build import build_report
from uniseq.report.cells import Mean
from uniseq.report.writing import columns, layout
from uniseq.report.writing.columns import Column, Printed, Records, State


@pytest.fixture
def results(tmp_path):
    """A cell of two seeds, one that a search gave up, and the rest not run."""
    on_disk(tmp_path / "0", record("ours", 0, 0.25, validation=(0.1, 0.3)))
    on_disk(tmp_path / "1", record("ours", 1, 0.35, validation=(0.3, 0.1)))
    for lr in (1, 2):
        on_disk(tmp_path / f"pruned{lr}", record("other", status="pruned", test={}, lr=lr))
    return tmp_path


@pytest.fixture
def panels(results):
    report, _ = build_report(results, results / "report", [table()])
    return layout.lay_out(report.sections[0])


@pytest.mark.parametrize(
    ("format", "last"), [("markdown", "records"), ("html", "records"), ("latex", "seeds")]
)
def test_a_page_has_a_column_for_each_metric_and_convention(panels, format, last):
    one, two = panels
    figures = [("masked", "HR@10"), ("masked", "NDCG@10"), ("unmasked", "HR@10")]
    figures += [("unmasked", "NDCG@10"), ("", last)]
    assert [(place.side, place.heading) for place in two.places(format)] == figures
    printed = [("printed", "HR@10"), ("printed", "NDCG@10")]
    assert [(place.side, place.heading) for place in one.places(format)] == printed + figures
    assert one.sides(format) == [("printed", 2), ("masked", 2), ("unmasked", 2), ("", 1)]
    begins = [place.heading for place in one.places(format) if one.begins_side(place)]
    assert begins == ["HR@10"] * 3 + [last]


def test_a_row_holds_what_its_cell_holds(panels):
    (group,) = panels[0].groups
    ours, base, other = group.rows
    assert (ours.key, ours.label, ours.marks) == (("one", "net", "ours"), "Ours, β", "")
    found = [value for _, value, _ in ours.spans(panels[0].places("html"))]
    assert found[:2] == [Printed(0.5), Printed(0.4)]
    assert isinstance(found[2], Mean)
    assert (found[2].mean, found[2].ratio) == (pytest.approx(0.3), pytest.approx(0.6))
    assert isinstance(found[-1], Records)
    assert [run.record.seed for run in found[-1].runs] == [0, 1]
    spans = [(value, width) for _, value, width in base.spans(panels[0].places("latex"))]
    assert spans == [(Printed(None), 1), (Printed(None), 1), (State("not run"), 4), (0, 1)]
    *_, records = (value for _, value, _ in other.spans(panels[0].places("html")))
    assert records == Records((), 0, {})  # nothing is shown that were the best of two


def test_a_ranking_without_training_has_figures_and_blanks(panels):
    (row,) = panels[0].untrained.rows
    assert (row.key, row.label) == (("one", "", "popularity"), "popularity")
    spans = [(value, width) for _, value, width in row.spans(panels[0].places("html"))]
    figure = (Mean(0.01, None, None), 1)
    assert spans == [(None, 2), figure, figure, figure, figure, (None, 1)]
    assert panels[1].untrained.rows == []


def best_epoch(cell, _):
    return ", ".join(str(run.record.best_epoch + 1) for run in cell.runs)


def test_a_new_column_is_in_every_format(results, monkeypatch):
    monkeypatch.setattr(columns, "COLUMNS", (*columns.COLUMNS, Column("best_epoch", best_epoch)))
    out = results / "report"
    build_report(results, out, [table()])
    rows = list(csv.DictReader((out / "small.csv").read_text().splitlines()))
    held = {row["row"]: row["best_epoch"] for row in rows if row["panel"] == "one"}
    assert held == {"ours": "2, 1", "base": "", "other": "", "popularity": ""}
    markdown = (out / "report.md").read_text()
    assert " | unmasked NDCG@10 | records | best epoch |" in markdown
    assert "[seed 1](../1/record.json) | 2, 1 |" in markdown
    latex = (out / "small.tex").read_text()
    assert r" & NDCG@10 & seeds & best epoch \\" in latex
    assert r" & 2 & 2, 1 \\" in latex
    page = (out / "report.html").read_text()
    assert '<th scope="col" class="side">best epoch</th></tr>' in page
    assert '<td class="side">2, 1</td></tr>' in page


def deviation(cell, figure):
    return cell.means[figure].std if cell.runs else None


SPREAD = Column("spread", deviation, "figure")


def test_a_new_column_for_each_figure_is_headed_by_its_name_and_the_convention(
    results, monkeypatch
):
    monkeypatch.setattr(columns, "COLUMNS", (*columns.COLUMNS, SPREAD))
    out = results / "report"
    build_report(results, out, [table()])
    assert "| spread masked HR@10 | spread masked NDCG@10 |" in (out / "report.md").read_text()
    assert r"\multicolumn{2}{c}{spread unmasked}" in (out / "small.tex").read_text()
    assert '<td class="side">.0707</td><td>.0707</td>' in (out / "report.html").read_text()
    first = next(csv.DictReader((out / "small.csv").read_text().splitlines()))
    assert float(first["spread"]) == pytest.approx(0.005**0.5)
