"""Columns of a report's table: what each holds, and which formats have it.

A column is decided here and nowhere else; :mod:`uniseq.report.writing.layout` sets what it holds in
rows, and Markdown, LaTeX, HTML and CSV write that.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from uniseq.formatting import setting
from uniseq.report.cells import Cell, Mean
from uniseq.report.entries import Entry

Format = Literal["markdown", "latex", "html", "csv"]
ALL: tuple[Format, ...] = ("markdown", "latex", "html", "csv")
CSV: tuple[Format, ...] = ("csv",)


@dataclass(frozen=True, slots=True)
class Printed:
    """The paper's number; None where it is not at hand."""

    number: float | None


@dataclass(frozen=True, slots=True)
class State:
    """Why there is no figure: ``not run``, ``failed``."""

    words: str


@dataclass(frozen=True, slots=True)
class Records:
    """The records of a cell.

    Args:
        runs: those that are shown; where there are none, those that failed.
        settings: of how many theirs is the best; 0 where nothing is shown.
        chosen: the values of the keys in which these differ.
    """

    runs: Sequence[Entry]
    settings: int
    chosen: Mapping[str, Any]


# What a writer must know how to write; None is blank.
Value = Mean | Printed | State | Records | float | int | str | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column, or several that hold the same of each metric.

    Args:
        name: of the field in CSV, and what stands above it elsewhere.
        value: what it holds for a cell, and for a metric or figure if there is one for each.
        each: of what there is one: a ``row``, a ``metric``, or a ``figure``, which is a metric
            under one of the conventions, such as ``masked/HR@10``.
        formats: that have it.
        words: whether it holds words, which begin at the left.
    """

    name: str
    value: Callable[[Cell, str], Value]
    each: Literal["row", "metric", "figure"] = "row"
    formats: tuple[Format, ...] = ALL
    words: bool = False


def _of_mean(part: Callable[[Mean], Value]) -> Callable[[Cell, str], Value]:
    return lambda cell, figure: part(cell.means[figure]) if cell.runs else None


def _records(cell: Cell, _: str) -> Records:
    return Records(cell.runs or cell.broken, cell.settings if cell.runs else 0, cell.chosen)


STATE = Column("state", lambda cell, _: cell.state, formats=CSV)
PRINTED = Column("printed", lambda cell, name: Printed(cell.printed.get(name)), "metric")
MEAN = Column(
    "mean", lambda cell, figure: cell.means[figure] if cell.runs else State(cell.state), "figure"
)
COLUMNS = (
    STATE,
    PRINTED,
    MEAN,
    Column("std", _of_mean(lambda mean: mean.std), "figure", CSV),
    Column("seeds", lambda cell, _: len(cell.runs), formats=("latex", "csv")),
    Column("ratio", _of_mean(lambda mean: mean.ratio), "figure", CSV),
    Column("best", _of_mean(lambda mean: int(mean.best)), "figure", CSV),
    Column("settings", lambda cell, _: cell.settings, formats=CSV),
    Column("setting", lambda cell, _: setting(cell.chosen), formats=CSV),
    Column("validation", lambda cell, _: cell.validation, formats=CSV),
    Column("capped", lambda cell, _: int(cell.capped), formats=CSV),
    Column("broken", lambda cell, _: len(cell.broken), formats=CSV),
    Column("changed", lambda cell, _: int(cell.changed), formats=CSV),
    Column("records", _records, formats=("markdown", "html", "csv"), words=True),
)


def columns_of(format: Format | None = None) -> list[Column]:
    """The columns that a format has, in order; None for those of all formats together."""
    return [column for column in COLUMNS if format is None or format in column.formats]
