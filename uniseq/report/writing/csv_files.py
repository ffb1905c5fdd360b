"""CSV of a table, its claims and its tests: one line a figure, in full precision."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from uniseq.formatting import setting
from uniseq.report.contents import Report, Section

COLUMNS = (
    "panel",
    "group",
    "row",
    "history",
    "metric",
    "state",
    "printed",
    "mean",
    "std",
    "seeds",
    "ratio",
    "best",
    "settings",
    "setting",
    "validation",
    "capped",
    "broken",
    "changed",
    "records",
)
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
)


def csv_table(report: Report, section: Section) -> str:
    """Every cell, metric and convention, run or not, and the rankings without training.

    Empty fields are what is not known; records are paths from the folder of the report, a space
    between two.
    """
    table = section.table
    lines: list[dict[str, Any]] = []
    for (panel, group, row), cell in section.cells.items():
        for column in table.columns:
            history, _, metric = column.partition("/")
            line = {
                "panel": panel,
                "group": group,
                "row": row,
                "history": history,
                "metric": metric,
                "state": cell.state,
                "printed": cell.printed.get(metric),
                "seeds": len(cell.runs),
                "settings": cell.settings,
                "setting": setting(cell.chosen),
                "capped": int(cell.capped),
                "broken": len(cell.broken),
                "changed": int(cell.changed),
                "records": " ".join(report.link_to(run) for run in cell.runs or cell.broken),
            }
            if cell.runs:
                figure = cell.means[column]
                line |= {"mean": figure.mean, "std": figure.std, "ratio": figure.ratio}
                line |= {"best": int(figure.best), "validation": cell.tried[0].validation}
            lines.append(line)
    for panel, rankings in section.yardsticks.items():
        for name, figures in rankings.items():
            for column in table.columns:
                history, _, metric = column.partition("/")
                place = {"panel": panel, "row": name, "history": history, "metric": metric}
                lines.append(place | {"state": "without training", "mean": figures[column]})
    return _text(COLUMNS, lines)


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
            history, _, metric = column.partition("/")
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
                    "low": found.low,
                    "high": found.high,
                    "p": found.p,
                    "p_holm": one.corrected[column],
                    "test": found.test,
                }
            )
    return _text(TESTS, lines)


def _text(columns: Sequence[str], lines: Iterable[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()
