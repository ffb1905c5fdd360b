"""Charts of a table: learning curves, and cosines of histories and items."""

from collections.abc import Iterator

from uniseq.errors import UniseqError
from uniseq.formatting import so_many_epochs
from uniseq.report.contents import Section
from uniseq.report.writing.figure1 import (
    Curve,
    common_epochs,
    density,
    measurement,
    uniform_density,
)
from uniseq.report.writing.svg import Chart, Line


def learning_curves(section: Section) -> list[Chart]:
    """The watched validation figure by epoch, a chart for each panel and group that was run."""
    return [
        chart for panel, group in _groups(section) for chart in _learning(section, panel, group)
    ]


def _groups(section: Section) -> Iterator[tuple[str, str]]:
    for panel in section.table.panels:
        for group in section.table.groups:
            yield panel, group


def _learning(section: Section, panel: str, group: str) -> Iterator[Chart]:
    table, name = section.table, section.table.watched
    lines = []
    for cell in section.rows(panel, group):
        row = list(table.rows).index(cell.key[2])
        for run in cell.runs:
            epochs = run.record.validated
            values = [epoch[name] for epoch in epochs]
            label = f"{table.rows[cell.key[2]].label}, seed {run.record.seed}"
            x = [epoch["epoch"] + 1 for epoch in epochs]
            lines.append(Line(label, x, values, row, dot=values.index(max(values))))
    if lines:
        last = max(line.x[-1] for line in lines)
        _, history, metric = name.split("/")
        yield Chart(
            section.group_label(panel, group),
            "epoch",
            f"validation {metric}, history {history}",
            lines,
            1,
            last,
        )


def figure1_curves(section: Section, panel: str, group: str) -> list[Curve]:
    """The first seed of each row that Figure 1 asks for, of those whose cosines were measured.

    A row without such has its performance shown alone; where no row has, there is no figure.
    """
    curves = []
    for cell in section.rows(panel, group):
        if cell.runs and cell.key[2] in section.table.figure1:
            run = next((run for run in cell.runs if run.record.sphere), cell.runs[0])
            label = section.table.rows[cell.key[2]].label
            curves.append(Curve(run.path, label, run.record, bool(run.record.sphere)))
    return curves if any(curve.cosines for curve in curves) else []


def cosine_charts(section: Section) -> tuple[list[Chart], list[str]]:
    """Densities of cosines, and why some could not be drawn.

    Two charts a panel and group for the first epoch that all runs measured, two for the last.
    """
    charts, problems = [], []
    for panel, group in _groups(section):
        curves = [curve for curve in figure1_curves(section, panel, group) if curve.cosines]
        if not curves:
            continue
        try:
            charts += [
                _cosines(section, panel, group, curves, epoch, kind)
                for epoch in common_epochs(curves)
                for kind in ("histories", "items")
            ]
        except UniseqError as error:
            problems.append(f"{section.group_label(panel, group)}: {error}")
    return charts, problems


def _cosines(
    section: Section, panel: str, group: str, curves: list[Curve], epoch: int, kind: str
) -> Chart:
    labels = [part.label for part in section.table.rows.values()]
    lines = []
    for dim in sorted({measurement(curve, epoch)["dim"] for curve in curves}):
        if dim >= 3:
            x, y = uniform_density(dim)
            label = f"uniform on the sphere, d = {dim}"
            lines.append(Line(label, x.tolist(), y.tolist(), None))
    for curve in curves:
        entry = measurement(curve, epoch)
        y, edges = density(curve, entry, kind)
        mean = f"{entry[kind]['cosine']['mean']:.3f}".replace("-", "−")
        middles = ((edges[1:] + edges[:-1]) / 2).tolist()
        colour = labels.index(curve.label)
        lines.append(Line(f"{curve.label}: mean {mean}", middles, y.tolist(), colour))
    return Chart(
        f"{section.group_label(panel, group)}: {kind} after {so_many_epochs(epoch + 1)}",
        f"cosine of a pair of {kind}",
        "density of pairs",
        lines,
        -1,
        1,
        (-1, -0.5, 0, 0.5, 1),
    )
