"""Files of a report: Markdown, one HTML page, and CSV and LaTeX of each table."""

from collections.abc import Sequence
from pathlib import Path

from uniseq.errors import UniseqError
from uniseq.records.store import write_atomically
from uniseq.report.contents import Report, gather
from uniseq.report.tables import Table
from uniseq.report.writing.charts import figure1_curves
from uniseq.report.writing.csv_files import csv_claims, csv_table, csv_tests
from uniseq.report.writing.figure1 import draw_figure1
from uniseq.report.writing.html import page
from uniseq.report.writing.latex import latex_table
from uniseq.report.writing.markdown import markdown


def build_report(folder: Path, out: Path, tables: Sequence[Table]) -> tuple[Report, list[Path]]:
    """Write the report of all records below a folder.

    The same records give the same bytes.

    Args:
        folder: that the records lie below.
        out: where to write.
        tables: what to show.

    Returns:
        What was shown, and the files.

    Raises:
        UniseqError: when there is no record.
    """
    report = gather(folder.resolve(), out.resolve(), tables)
    texts: dict[str, str] = {}
    for section in report.sections:
        texts[f"{section.table.name}.csv"] = csv_table(report, section)
        if section.verdicts:
            texts[f"{section.table.name}_claims.csv"] = csv_claims(section)
        if section.comparisons:
            texts[f"{section.table.name}_tests.csv"] = csv_tests(section)
        texts[f"{section.table.name}.tex"] = latex_table(section)
    pictures = _figures(report)
    texts["report.md"] = markdown(report, [path.name for path in pictures if path.suffix == ".png"])
    texts["report.html"] = page(report)
    files = [out / name for name in texts]
    for path in files:
        write_atomically(path, texts[path.name].encode())
    return report, [*files, *(out / path.name for path in pictures)]


def _figures(report: Report) -> list[Path]:
    """Figure 1 of each panel and group that has its measurements."""
    pictures = []
    for section in report.sections:
        for panel in section.table.panels:
            for group in section.table.groups:
                curves = figure1_curves(section, panel, group)
                stem = report.out / f"figure1_{section.table.name}_{panel}_{group}"
                try:
                    pictures += draw_figure1(curves, stem) if curves else []
                except UniseqError:  # the page says why, beside its own charts
                    continue
    return pictures
