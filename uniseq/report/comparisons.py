"""A table's own row against the best of the others, tested user by user."""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uniseq.errors import DataError
from uniseq.report.cells import Cell
from uniseq.report.runs import Run
from uniseq.report.significance import Difference, compare, gains, holm
from uniseq.report.tables import HISTORIES, Key, Table


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ours against the best baseline of a panel and group.

    Args:
        ours: the cell.
        baseline: the best other cell on validation; None where none was run.
        differences: by figure, such as ``masked/HR@10``.
        corrected: p by figure, corrected for all tests of the table.
        problem: why nothing could be tested.
    """

    ours: Cell
    baseline: Cell | None
    differences: dict[str, Difference] = field(default_factory=dict)
    corrected: dict[str, float] = field(default_factory=dict)
    problem: str | None = None


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
    corrected = iter(holm(raw))
    return [
        replace(one, corrected={name: next(corrected) for name in one.differences}) for one in made
    ]


def _comparison(table: Table, cells: Mapping[Key, Cell], key: Key) -> Comparison:
    ours = cells[key]
    others = [
        cell for other, cell in cells.items() if other[:2] == key[:2] and cell.runs and other != key
    ]
    if not ours.runs:
        return Comparison(ours, None, problem="not run")
    if not others:
        return Comparison(ours, None, problem="no baseline was run")
    baseline = max(others, key=lambda cell: cell.validation)
    try:
        _check_comparable([*ours.runs, *baseline.runs])
        differences = {
            f"{history}/{metric}": compare(
                _mean_gains(ours, history, metric), _mean_gains(baseline, history, metric)
            )
            for history in HISTORIES
            for metric in table.metrics
        }
    except DataError as error:
        return Comparison(ours, baseline, problem=str(error))
    return Comparison(ours, baseline, differences)


def _check_comparable(runs: list[Run]) -> None:
    first = runs[0]
    for run in runs[1:]:
        for what in ("fingerprint", "ranked_users"):
            one, other = (each.record.dataset.get(what) for each in (first, run))
            if one != other:
                raise DataError(
                    run.path,
                    f"cannot be compared with {first.path}: {what.replace('_', ' ')} {other}, not "
                    f"{one}",
                )


def _mean_gains(cell: Cell, history: str, metric: str) -> NDArray[np.float64]:
    """Each user's gain, averaged over the seeds of a cell."""
    mean: NDArray[np.float64] = np.mean(
        [gains(_ranks(run, history), metric) for run in cell.runs], axis=0
    )
    return mean


def _ranks(run: Run, history: str) -> NDArray[Any]:
    if run.record.ranks_file is None:
        raise DataError(run.path, "names no file of ranks: the run kept none")
    path = run.path.with_name(run.record.ranks_file)
    return _read_ranks(path, history, run.record.dataset["ranked_users"]["test"])


def _read_ranks(path: Path, history: str, users: int) -> NDArray[Any]:
    try:
        with np.load(path) as file:
            ranks: NDArray[Any] = file[history]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(path, f"has no readable ranks: {error}") from error
    if len(ranks) != users:
        raise DataError(path, f"has {len(ranks)} ranks, its record {users} ranked users")
    return ranks
