"""A table as CSV: one line a figure, in full precision."""

import csv
import io

from uniseq.report.report import Report, Section
from uniseq.report.tables import HISTORIES
from uniseq.report.text import setting

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
    "capped",
    "records",
)


def csv_table(report: Report, section: Section) -> str:
    """Every cell, metric and convention, run or not, and the rankings without training.

    Empty fields are what is not known; records are paths from the folder of the report, a space
    between two.
    """
    table = section.table
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for (panel, group, row), cell in section.cells.items():
        for history in HISTORIES:
            for metric in table.metrics:
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
                    "records": " ".join(report.link(run) for run in cell.runs or cell.broken),
                }
                if cell.runs:
                    figure = cell.figures[f"{history}/{metric}"]
                    line |= {"mean": figure.mean, "std": figure.std, "ratio": figure.ratio}
                    line["best"] = int(figure.best)
                writer.writerow(line)
    for panel, rankings in section.yardsticks.items():
        for name, figures in rankings.items():
            for column in table.columns:
                history, _, metric = column.partition("/")
                place = {"panel": panel, "row": name, "history": history, "metric": metric}
                writer.writerow(place | {"state": "without training", "mean": figures[column]})
    return text.getvalue()
