"""CSV of a table, its claims and its tests: one line a figure, in full precision."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from typing import Any

from uniseq.errors import printable
from uniseq.report.cells import Mean
from uniseq.report.contents import Report, Section
from uniseq.report.tables import CONVENTIONS, history_and_metric
from uniseq.report.writing.columns import Printed, Records, State, Value, columns_of
from uniseq.report.writing.layout import lay_out

FORMULA = ("=", "+", "-", "@")
PLACE = ("panel", "group", "row", "history", "metric")
CLAIMS = (
    "claim",
    "panel",
    "group",
    "history",
    "state",
    "seeds",
    "metric",
    "row",
    "against",
    "mean",
    "mean_against",
    "p_holm",
)
TESTS = (
    "panel",
    "group",
    "history",
    "metric",
    "row",
    "against",
    "seeds",
    "seeds_against",
    "settings",
    "settings_against",
    "difference",
    "low",
    "high",
    "p",
    "p_holm",
    "test",
    "not_run",
)


def csv_table(report: Report, section: Section) -> str:
    """Every cell, metric and convention, run or not, and the rankings without training.

    Empty fields are what is not known; records are paths from the folder of the report, a space
    between two.
    """
    columns = columns_of("csv")
    panels = lay_out(section)
    rows = [row for panel in panels for group in panel.groups for row in group.rows]
    rows += [row for panel in panels for row in panel.untrained.rows]
    lines: list[dict[str, Any]] = [
        dict(zip(PLACE, (*row.key, history, metric), strict=True))
        | {each.name: _field(report, row.at(each, history, metric)) for each in columns}
        for row in rows
        for history in CONVENTIONS
        for metric in section.table.metrics
    ]
    return _text((*PLACE, *(each.name for each in columns)), lines)


def _field(report: Report, value: Value) -> float | int | str | None:
    match value:
        case Mean():
            return value.mean
        case Printed():
            return value.number
        case State():
            return None  # it has a column of its own
        case Records():
            return " ".join(report.link_to(run) for run in value.runs)
    return value


def csv_claims(section: Section) -> str:
    """The comparison that decides each claim, by metric and convention; one line where none was."""
    lines: list[dict[str, Any]] = []
    for verdict in section.verdicts:
        place = {
            "claim": verdict.claim.text,
            "panel": verdict.panel,
            "group": verdict.group,
            "history": verdict.history,
            "state": verdict.state,
            "seeds": verdict.seeds,
        }
        lines += [
            place
            | {
                "metric": one.metric,
                "row": one.better,
                "against": one.worse,
                "mean": one.means[0],
                "mean_against": one.means[1],
                "p_holm": one.p,
            }
            for one in verdict.findings
        ] or [place]
    return _text(CLAIMS, lines)


def csv_tests(section: Section) -> str:
    """The table's own row against the best trained baseline, by metric and convention."""
    lines: list[dict[str, Any]] = []
    for one in section.comparisons:
        ours, other = one.ours, one.baseline
        if other is None:
            continue
        for column, found in one.differences.items():
            panel, group, row = ours.key
            history, metric = history_and_metric(column)
            lines.append(
                {
                    "panel": panel,
                    "group": group,
                    "history": history,
                    "metric": metric,
                    "row": row,
                    "against": other.key[2],
                    "seeds": len(ours.runs),
                    "seeds_against": len(other.runs),
                    "settings": ours.settings,
                    "settings_against": other.settings,
                    "difference": found.mean,
                    "low": _known(found.low),
                    "high": _known(found.high),
                    "p": _known(found.p),
                    "p_holm": _known(one.corrected[column]),
                    "test": found.test,
                    "not_run": "; ".join(one.not_run),
                }
            )
    return _text(TESTS, lines)


def _known(value: float) -> float | None:
    return None if isnan(value) else value


def _cell(value: Any) -> Any:
    """A text that no spreadsheet takes for a formula; numbers stand as they are."""
    if not isinstance(value, str):
        return value
    value = printable(value)
    return f"'{value}" if value.lstrip().startswith(FORMULA) else value


def _text(columns: Sequence[str], lines: Iterable[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in line.items()} for line in lines)
    return text.getvalue()
