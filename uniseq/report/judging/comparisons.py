"""Comparisons of a table's own row with the best of the others, tested user by user."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isnan, nan

from uniseq.errors import DataError
from uniseq.report.cells import Cell
from uniseq.report.entries import validations
from uniseq.report.judging.paired import paired
from uniseq.report.judging.significance import Difference, has_gains, holm, untested
from uniseq.report.tables import Key, Table, history_and_metric


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ours against the best baseline of a panel and group.

    Args:
        ours: the cell.
        baseline: the best other cell on validation; None where none was run.
        differences: by figure, such as ``masked/HR@10``.
        corrected: p by figure, corrected for all tests of the table; not a number where there
            was none.
        not_run: the labels of baselines that are missing: the best of them all may be another.
        problem: why nothing could be tested.
    """

    ours: Cell
    baseline: Cell | None
    differences: dict[str, Difference] = field(default_factory=dict)
    corrected: dict[str, float] = field(default_factory=dict)
    not_run: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def gap(self) -> str:
        """What stands behind the baseline's name where others are missing."""
        return f" (not run: {', '.join(self.not_run)})" if self.not_run else ""


def comparisons(table: Table, cells: Mapping[Key, Cell]) -> list[Comparison]:
    """Every comparison of a table, with Holm's correction over all its tests."""
    if table.ours is None:
        return []
    ours = table.ours
    made = [
        _comparison(table, cells, (panel, group, ours))
        for panel in table.panels
        for group in table.groups
        if (panel, group, ours) in cells
    ]
    raw = [each.p for comparison in made for each in comparison.differences.values()]
    corrected = iter(holm([p for p in raw if not isnan(p)]))
    return [
        replace(
            one,
            corrected={
                name: nan if isnan(each.p) else next(corrected)
                for name, each in one.differences.items()
            },
        )
        for one in made
    ]


def _comparison(table: Table, cells: Mapping[Key, Cell], key: Key) -> Comparison:
    ours = cells[key]
    rivals = {
        other[2]: cell
        for other, cell in cells.items()
        if other[:2] == key[:2]
        and other != key
        and (table.baselines is None or other[2] in table.baselines)
    }
    others = [cell for cell in rivals.values() if cell.runs]
    # Where all others are rivals, none is owed.
    gaps = tuple(
        table.rows[row].label
        for row in table.baselines or ()
        if row not in rivals or not rivals[row].runs
    )
    if not ours.runs:
        return Comparison(ours, None, not_run=gaps, problem="not run")
    if not others:
        return Comparison(ours, None, not_run=gaps, problem="no baseline was run")
    figures = validations([cell.runs for cell in others])
    baseline = others[figures.index(max(figures))]
    try:
        differences = {column: _difference(ours, baseline, column) for column in table.columns}
    except DataError as error:
        return Comparison(ours, baseline, not_run=gaps, problem=str(error))
    return Comparison(ours, baseline, differences, not_run=gaps)


def _difference(ours: Cell, other: Cell, column: str) -> Difference:
    if has_gains(history_and_metric(column)[1]):
        return paired(ours, other, column)
    return untested(ours.means[column].mean, other.means[column].mean)
