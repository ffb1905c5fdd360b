"""LaTeX of a table, a float for each panel; needs booktabs, graphicx and xcolor."""

import re
from collections.abc import Iterator, Sequence

from uniseq.errors import printable
from uniseq.formatting import metric, sentence, setting
from uniseq.report.cells import Mean
from uniseq.report.contents import BROKEN, CAPPED, CHANGED, MARKS, Section, marks
from uniseq.report.writing.columns import Printed, Records, State
from uniseq.report.writing.layout import Panel, Place, Row, lay_out, plain
from uniseq.report.writing.wording import BOLD

_SPECIAL = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "[": "{[}",  # a caption has an argument in brackets
    "]": "{]}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "β": r"$\beta$",
    "·": r"$\cdot$",
    "×": r"$\times$",
    "–": "--",
    "−": "$-$",
    "<": "$<$",
    ">": "$>$",
    CAPPED: r"$^\dagger$",
    BROKEN: r"$^\ddagger$",
    CHANGED: r"$^\S$",
    "±": r"$\pm$",
}
CAPTION = (
    "Test figures of all users against all items, masked: without the items of the user's history, "
    "and unmasked.{chosen}{printed} ± the standard deviation over seeds. " + BOLD
)
PRINTED = " Printed: {source} × the ratio to the printed number{history}."
CHOSEN = " Of several settings the one with the better validation figure: {settings}."


def escape(text: str) -> str:
    """Text that LaTeX sets as it stands."""
    return "".join(_SPECIAL.get(character, character) for character in printable(text))


def _label(name: str) -> str:
    """A name that may stand in a label."""
    return re.sub(r"[^\w.:-]", "-", name)


def latex_table(section: Section) -> str:
    """The panels of a table for which something was run, each a float over both columns.

    A comment at the top says what it needs. LaTeX numbers tables itself.
    """
    panels = [panel for panel in lay_out(section) if not section.nothing_run(panel.key)]
    head = f"% {printable(section.table.title)}\n% \\usepackage{{booktabs,graphicx,xcolor}}\n"
    return head + "\n".join(_panel(section, panel) for panel in panels)


def _panel(section: Section, panel: Panel) -> str:
    table = section.table
    title = table.title.partition(": ")[2] or table.title
    caption = escape(sentence(f"{title}: {panel.label}"))
    places = panel.places("latex")
    lines = [
        r"\begin{table*}",
        r"\centering\small\setlength{\tabcolsep}{4pt}",
        rf"\caption[{caption}]{{{caption}{_footnotes(section, panel.key)}}}",
        rf"\label{{tab:{_label(f'{table.name}-{panel.key}')}}}",
        # No wider than the text.
        r"\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{l{'r' * len(places)}}}",
        r"\toprule",
        *_head(panel, places),
    ]
    for group in [*panel.groups, *([panel.untrained] if panel.untrained.rows else [])]:
        label = rf"\emph{{{escape(group.label)}}}"
        lines += [r"\midrule", rf"\multicolumn{{{1 + len(places)}}}{{l}}{{{label}}} \\"]
        lines += [_line(list(_row(row, places))) for row in group.rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}}", r"\end{table*}", ""])


def _head(panel: Panel, places: Sequence[Place]) -> Iterator[str]:
    """The two lines of headings, and the rules below those of the upper one."""
    upper: list[str | None] = [""]
    rules, first = [], 2
    for side, width in panel.sides("latex"):
        upper.append(rf"\multicolumn{{{width}}}{{c}}{{{escape(side)}}}" if side else None)
        rules += [rf"\cmidrule(lr){{{first}-{first + width - 1}}}"] if side else []
        first += width
    yield _line(upper)
    yield " ".join(rules)
    yield _line(["", *(escape(place.heading) for place in places)])


def _row(row: Row, places: Sequence[Place]) -> Iterator[str | None]:
    yield escape(row.label + row.marks)
    for _, value, width in row.spans(places):
        match value:
            case None:
                yield from [None] * width
            case State():
                yield rf"\multicolumn{{{width}}}{{c}}{{\emph{{{value.words}}}}}"
            case Mean():
                yield _mean(value)
            case Printed():
                yield "--" if value.number is None else metric(value.number)
            case Records():
                yield ", ".join(f"seed {run.record.seed}" for run in value.runs)
            case _:
                yield escape(plain(value))


def _mean(shown: Mean) -> str:
    text = metric(shown.mean)
    text = rf"\textbf{{{text}}}" if shown.best else text
    text = rf"\textcolor{{gray}}{{{text}}}" if shown.capped else text
    if shown.std is not None:
        text += rf" {{\scriptsize$\pm${metric(shown.std)}}}"
    if shown.ratio is not None:
        text += rf" {{\scriptsize($\times${shown.ratio:.2f})}}"
    return text


def _line(texts: Sequence[str | None]) -> str:
    """A line of the table; None is a blank."""
    end = r"\\" if texts[-1] is None else r" \\"
    return " & ".join(text or "" for text in texts) + end


def _footnotes(section: Section, panel: str) -> str:
    cells = [cell for key, cell in section.cells.items() if key[0] == panel]
    used = "".join(marks(cell) for cell in cells)
    marked = "".join(f" {escape(mark)} {escape(MARKS[mark])}." for mark in MARKS if mark in used)
    above = "".join(f" {escape(sentence(line))}" for line in section.untrained_above(panel))
    settings = "; ".join(
        f"{section.table.within(cell.key)}, best of {cell.settings}: {setting(cell.chosen)}"
        for cell in cells
        if cell.runs and cell.settings > 1
    )
    chosen = CHOSEN.format(settings=settings) if settings else ""
    history = section.table.printed_history
    of = f", {history}" if history else ""
    told = PRINTED.format(source=section.table.source, history=of)
    printed = told if section.has_printed(panel) else ""
    caption = CAPTION.format(chosen=chosen, printed=printed)
    return f" {escape(caption)}{above}{marked}"
