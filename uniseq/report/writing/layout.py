"""Layout of a report's table: rows, and where in them the values of its columns stand.

Markdown, LaTeX and HTML have a table a panel and a line a row, CSV a line a figure of a row. All of
them write the values that are laid out here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from uniseq.formatting import metric
from uniseq.report.cells import Cell, Mean
from uniseq.report.contents import Section, marks
from uniseq.report.tables import CONVENTIONS, Key
from uniseq.report.writing.columns import (
    MEAN,
    PRINTED,
    STATE,
    Column,
    Format,
    State,
    Value,
    columns_of,
)

UNTRAINED = "without training"


class Place(NamedTuple):
    """Where a value stands in a row: in a column, of a convention and metric if it has one each."""

    column: Column
    history: str = ""
    metric: str = ""

    @property
    def figure(self) -> str:
        """The metric, or the figure such as ``masked/HR@10``."""
        return f"{self.history}/{self.metric}" if self.history else self.metric

    @property
    def heading(self) -> str:
        """What stands above it."""
        return self.metric or self.column.name.replace("_", " ")

    @property
    def side(self) -> str:
        """What stands above the headings of several metrics: ``printed``, ``masked``."""
        named = self.column.name if self.metric and self.column is not MEAN else ""
        return f"{named} {self.history}".strip()


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a panel.

    Args:
        key: its panel, group and row; a ranking without training is of no group.
        label: for people.
        marks: behind the label.
        values: by place; blank where there is none.
    """

    key: Key
    label: str
    marks: str
    values: Mapping[Place, Value]

    def at(self, column: Column, history: str, metric: str) -> Value:
        """What stands in a column for one of the row's figures."""
        history = history if column.each == "figure" else ""
        return self.values.get(Place(column, history, "" if column.each == "row" else metric))

    def spans(self, places: Sequence[Place]) -> Iterator[tuple[Place, Value, int]]:
        """Values that reach over several places: the first place, the value, and how many.

        A state stands once for all figures, a blank once for the metrics of a side.
        """

        def alike(place: Place) -> object:
            value = self.values.get(place)
            if isinstance(value, State):
                return value
            return place.side if value is None and place.metric else place

        for _, found in groupby(places, alike):
            first, *others = found
            yield first, self.values.get(first), 1 + len(others)


@dataclass(frozen=True, slots=True)
class Group:
    """Rows under one label: those of a backbone, or the rankings without training."""

    label: str
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Panel:
    """The table of one data set.

    Args:
        key: its name in the table file.
        label: for people.
        metrics: of which a column may have one each.
        printed: whether there are printed numbers.
        groups: of trained rows.
        untrained: rankings without training; without rows where none were recorded.
    """

    key: str
    label: str
    metrics: Sequence[str]
    printed: bool
    groups: Sequence[Group]
    untrained: Group

    def places(self, format: Format) -> list[Place]:
        """What stands beside each other in a format."""
        return [
            place
            for column in columns_of(format)
            if column is not PRINTED or self.printed
            for place in _places(column, self.metrics)
        ]

    def sides(self, format: Format) -> list[tuple[str, int]]:
        """The upper line of headings and over how many places each reaches; "" is over one."""
        by_side = groupby(self.places(format), lambda place: place.side or place)
        found = [list(places) for _, places in by_side]
        return [(places[0].side, len(places)) for places in found]

    def begins_side(self, place: Place) -> bool:
        """Whether it is the first below its upper heading, or has none."""
        return place.metric in ("", self.metrics[0])


def lay_out(section: Section) -> list[Panel]:
    """The panels of a table, with all that is written of them in any format."""
    table = section.table
    return [
        Panel(
            panel,
            part.label,
            table.metrics,
            section.has_printed(panel),
            [
                Group(of.label, [_row(section, cell) for cell in section.rows(panel, group)])
                for group, of in table.groups.items()
            ],
            Group(UNTRAINED, _untrained(section, panel)),
        )
        for panel, part in table.panels.items()
    ]


def plain(value: float | int | str | None) -> str:
    """A value that is a number or a text, as a page writes it; nothing for none and for 0."""
    return metric(value) if isinstance(value, float) else str(value or "")


def _places(column: Column, metrics: Sequence[str]) -> list[Place]:
    histories = CONVENTIONS if column.each == "figure" else ("",)
    names = [""] if column.each == "row" else metrics
    return [Place(column, history, name) for history in histories for name in names]


def _row(section: Section, cell: Cell) -> Row:
    table = section.table
    values = {
        place: column.value(cell, place.figure)
        for column in columns_of()
        for place in _places(column, table.metrics)
    }
    return Row(cell.key, table.rows[cell.key[2]].label, marks(cell), values)


def _untrained(section: Section, panel: str) -> list[Row]:
    rows = []
    for name, figures in section.yardsticks[panel].items():
        values: dict[Place, Value] = {Place(STATE): UNTRAINED}
        for place in _places(MEAN, section.table.metrics):
            values[place] = Mean(figures[place.figure], None, None)
        rows.append(Row((panel, "", name), name.replace("_", " "), "", values))
    return rows
