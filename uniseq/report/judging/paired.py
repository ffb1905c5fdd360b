"""Paired test of two cells, user by user."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from uniseq.errors import DataError
from uniseq.records.ranks import read_ranks
from uniseq.report.cells import Cell
from uniseq.report.entries import Entry
from uniseq.report.judging.significance import Difference, compare, gains
from uniseq.report.tables import history_and_metric


def paired(ours: Cell, other: Cell, column: str) -> Difference:
    """The difference of a figure between two cells, over the same test users.

    Args:
        ours: a cell with runs.
        other: the same.
        column: the figure, such as ``masked/HR@10``.

    Raises:
        DataError: when they did not rank the same users, or a file of ranks cannot be read.
    """
    history, metric = history_and_metric(column)
    _check_comparable([*ours.runs, *other.runs])
    return compare(_mean_gains(ours, history, metric), _mean_gains(other, history, metric))


def _check_comparable(runs: list[Entry]) -> None:
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
        [gains(_ranks(run, history), metric, run.record.dataset.get("items")) for run in cell.runs],
        axis=0,
    )
    return mean


def _ranks(run: Entry, history: str) -> NDArray[Any]:
    if run.record.ranks_file is None:
        raise DataError(run.path, "names no file of ranks: the run kept none")
    path = run.path.with_name(run.record.ranks_file)
    return read_ranks(path, history, run.record.dataset["ranked_users"]["test"])
