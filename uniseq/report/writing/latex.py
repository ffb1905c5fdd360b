"""LaTeX of a table, a float for each panel; needs the packages booktabs and graphicx."""

from uniseq.formatting import metric, sentence, setting
from uniseq.report.cells import Cell, Mean
from uniseq.report.contents import BROKEN, CAPPED, CHANGED, MARKS, Report, Section, marks
from uniseq.report.tables import CONVENTIONS
from uniseq.report.writing.wording import BOLD

_SPECIAL = {
    "\\": r"\textbackslash{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
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
PRINTED = " Printed: {source} × the ratio to the printed number."
CHOSEN = " Of several settings the one with the better validation figure: {settings}."


def escape(text: str) -> str:
    """Text that LaTeX sets as it stands."""
    return "".join(_SPECIAL.get(character, character) for character in text)


def latex_table(report: Report, section: Section) -> str:
    """The panels of a table for which something was run, each a float over both columns.

    A comment at the top says what it needs. LaTeX numbers tables itself.
    """
    floats = [
        _panel(section, panel) for panel in section.table.panels if not section.nothing_run(panel)
    ]
    head = f"% {section.table.title}\n% \\usepackage{{booktabs,graphicx}}\n"
    return head + "\n".join(floats)


def _panel(section: Section, panel: str) -> str:
    table = section.table
    width = len(table.metrics)
    names = [*(["printed"] if section.printed(panel) else []), *CONVENTIONS]
    sides = [(name, 2 + width * i) for i, name in enumerate(names)]
    heads = [rf"\multicolumn{{{width}}}{{c}}{{{side}}}" for side, _ in sides]
    rules = [rf"\cmidrule(lr){{{first}-{first + width - 1}}}" for _, first in sides]
    metrics = [escape(metric) for metric in table.metrics] * len(sides)
    title = table.title.partition(": ")[2] or table.title
    caption = escape(sentence(f"{title}: {table.panels[panel].label}"))
    lines = [
        r"\begin{table*}",
        r"\centering\small\setlength{\tabcolsep}{4pt}",
        rf"\caption[{caption}]{{{caption}{_footnotes(section, panel)}}}",
        rf"\label{{tab:{table.name}-{panel}}}",
        # No wider than the text.
        r"\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{l{'r' * len(metrics)}r}}",
        r"\toprule",
        f" & {' & '.join(heads)} & \\\\",
        " ".join(rules),
        f" & {' & '.join(metrics)} & seeds \\\\",
    ]
    columns = 2 + len(metrics)
    for group in table.groups:
        lines.append(r"\midrule")
        lines.append(
            rf"\multicolumn{{{columns}}}{{l}}{{\emph{{{escape(table.groups[group].label)}}}}} \\"
        )
        lines += [_row(section, cell) for cell in section.rows(panel, group)]
    if section.yardsticks[panel]:
        lines += [r"\midrule", rf"\multicolumn{{{columns}}}{{l}}{{\emph{{without training}}}} \\"]
    for name, figures in section.yardsticks[panel].items():
        values = [metric(figures[column]) for column in table.columns]
        blank = " & " * (1 + len(metrics) - len(values))
        lines.append(f"{escape(name.replace('_', ' '))}{blank}{' & '.join(values)} & \\\\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}}", r"\end{table*}", ""])


def _row(section: Section, cell: Cell) -> str:
    table = section.table
    name = escape(table.rows[cell.key[2]].label + marks(cell))
    metrics = section.printed(cell.key[0])
    printed = [metric(cell.printed[m]) if m in cell.printed else "--" for m in metrics]
    if cell.runs:
        values = [_figure(cell.means[column]) for column in table.columns]
        count = str(len(cell.runs))
    else:
        values = [rf"\multicolumn{{{len(table.columns)}}}{{c}}{{\emph{{{cell.state}}}}}"]
        count = ""
    return f"{' & '.join([name, *printed, *values, count])} \\\\"


def _figure(shown: Mean) -> str:
    text = metric(shown.mean)
    text = rf"\textbf{{{text}}}" if shown.best else text
    if shown.std is not None:
        text += rf" {{\scriptsize$\pm${metric(shown.std)}}}"
    if shown.ratio is not None:
        text += rf" {{\scriptsize($\times${shown.ratio:.2f})}}"
    return text


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
    printed = PRINTED.format(source=section.table.source) if section.printed(panel) else ""
    caption = CAPTION.format(chosen=chosen, printed=printed)
    return f" {escape(caption)}{above}{marked}"
