"""HTML of the report: one page that needs no other file, no network and no script."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from uniseq import formatting as text
from uniseq.errors import printable
from uniseq.report.cells import Mean
from uniseq.report.contents import MARKS, Report, Section, marks
from uniseq.report.convention import told
from uniseq.report.judging.verdicts import MEANING, SYMBOLS, by_claim
from uniseq.report.tables import CONVENTIONS
from uniseq.report.writing import wording as words
from uniseq.report.writing.charts import cosine_charts, learning_curves
from uniseq.report.writing.columns import Printed, Records, State
from uniseq.report.writing.costs import by_part, commit, cost, versions
from uniseq.report.writing.layout import lay_out, plain

TEMPLATES = Path(__file__).parent / "templates"


def page(report: Report) -> str:
    """The whole page."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    for write in (
        *(text.metric, text.signed, text.probability),
        *(text.duration, text.setting, text.sentence, plain),
    ):
        environment.filters[write.__name__] = write
    environment.filters["slug"] = lambda name: name.replace(" ", "-")
    for kind in (Mean, Printed, Records, State):
        environment.tests[kind.__name__.lower()] = _is(kind)
    template = environment.get_template("page.html.j2")
    return template.render(
        report=report,
        style=Markup((TEMPLATES / "style.css").read_text(encoding="utf-8")),
        words=words,
        histories=CONVENTIONS,
        all_marks=MARKS,
        meaning=MEANING,
        symbols=SYMBOLS,
        marks=marks,
        commit=commit,
        cost=cost,
        by_part=by_part(report.runs),
        versions=versions(report.runs),
        uses=report.cells_by_record(),
        sections=[_view(section) for section in report.sections],
    )


def _visible(value: Any) -> Any:
    """A text without what is not to be seen; the page's own markup has none."""
    if type(value) is not str:
        return value
    return "\n".join(map(printable, value.split("\n")))


def _is(kind: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, kind)


def _view(section: Section) -> dict[str, Any]:
    """What the template needs of a section besides itself."""
    cosines, problems = cosine_charts(section)
    table, cells = section.table, section.cells
    ran = {row for (_, _, row), cell in cells.items() if cell.runs}
    colours = [(row, part.label, n) for n, (row, part) in enumerate(table.rows.items())]
    return {
        "filled": section,
        "table": table,
        "told": told(section),
        "panels": lay_out(section),
        "curves": learning_curves(section),
        "cosines": cosines,
        "problems": problems,
        "claims": list(by_claim(table, section.verdicts)),
        "marks": [mark for mark in MARKS if any(mark in marks(c) for c in cells.values())],
        "commands": [cell for cell in cells.values() if cell.runs],
        "colours": [(label, n) for row, label, n in colours if row in ran],
        "spread": [(label, n) for row, label, n in colours if row in {*table.figure1} & ran],
    }
