"""Cells of a table, filled from the records that meet their conditions."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import mean, stdev
from typing import Any

from uniseq.report.conditions import matches
from uniseq.report.runs import Run, flatten, setting_of
from uniseq.report.tables import Key, Table


@dataclass(frozen=True, slots=True)
class Figure:
    """A test figure over the seeds of a cell.

    Args:
        mean: over seeds.
        std: the sample standard deviation; None for one seed.
        ratio: of the mean to the printed number; None where that is not at hand.
        best: whether no other cell of the group has a better mean, and there is another.
    """

    mean: float
    std: float | None
    ratio: float | None
    best: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: the best setting that was run for it, on validation, never on test.

    Args:
        key: panel, group and row.
        printed: the paper's numbers by metric; empty where they are not at hand.
        runs: of the setting that is shown, one a seed, in the order of the seeds.
        settings: how many were tried: configs that differ in more than the seed.
        chosen: the values of the keys in which they differ, of the one shown.
        broken: runs that failed or were interrupted and were not made good by another.
        figures: by name, such as ``masked/HR@10``; empty where nothing was run to its end.
        notes: what a reader must know about its records.
    """

    key: Key
    printed: dict[str, float]
    runs: tuple[Run, ...] = ()
    settings: int = 0
    chosen: dict[str, Any] = field(default_factory=dict)
    broken: tuple[Run, ...] = ()
    figures: dict[str, Figure] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """``run``, ``not run``, or how its runs ended when none came to its end."""
        if self.runs:
            return "run"
        ends = {run.record.status for run in self.broken}
        return " and ".join(sorted(ends)) if ends else "not run"

    @property
    def capped(self) -> bool:
        """Whether the epoch cap ended one of its runs: more epochs might give more."""
        return any(run.capped for run in self.runs)

    @property
    def validation(self) -> float:
        """The mean over seeds of the best watched figure."""
        return mean(run.record.best for run in self.runs)


def fill(table: Table, runs: Sequence[Run]) -> dict[Key, Cell]:
    """All cells of a table; optional rows only where something was run."""
    eligible = [run for run in runs if matches(run.record.config, table.conditions)]
    cells = {key: _cell(table, key, eligible) for key in table.keys()}  # noqa: SIM118
    for panel in table.panels:
        for group in table.groups:
            keys = [(panel, group, row) for row in table.rows]
            _mark_best(cells, keys, table.columns)
    return {
        key: cell
        for key, cell in cells.items()
        if cell.state != "not run" or not table.rows[key[2]].optional
    }


def _cell(table: Table, key: Key, eligible: Iterable[Run]) -> Cell:
    panel, group, row = key
    parts = (table.panels[panel], table.groups[group], table.rows[row])
    conditions = [part.conditions for part in parts]
    found = [run for run in eligible if matches(run.record.config, *conditions)]
    finished = [run for run in found if run.record.status == "finished"]
    complete = [run for run in finished if set(table.columns) <= run.record.test.keys()]
    notes = [
        f"{run.path} has no {', '.join(sorted(set(table.columns) - run.record.test.keys()))}"
        for run in finished
        if run not in complete
    ]
    made_good = {run.record.config_hash for run in complete}
    broken = tuple(
        run
        for run in found
        if run.record.status in ("failed", "interrupted")
        and run.record.config_hash not in made_good
    )
    printed = table.printed_at(key)
    if not complete:
        return Cell(key, printed, broken=broken, notes=tuple(notes))
    settings: dict[str, list[Run]] = defaultdict(list)
    for run in complete:
        settings[run.setting].append(run)
    one_a_seed = [_one_a_seed(each, notes) for each in settings.values()]
    shown = max(one_a_seed, key=lambda each: mean(run.record.best for run in each))
    return Cell(
        key,
        printed,
        runs=tuple(shown),
        settings=len(settings),
        chosen=_differing(shown, one_a_seed),
        broken=broken,
        figures={name: _figure(name, shown, printed) for name in table.columns},
        notes=tuple(notes),
    )


def _one_a_seed(runs: Iterable[Run], notes: list[str]) -> list[Run]:
    """Of runs of one setting and seed the best on validation; a note where their tests differ."""
    seeds: dict[int, list[Run]] = defaultdict(list)
    for run in runs:
        seeds[run.record.seed].append(run)
    chosen = []
    for _, same in sorted(seeds.items()):
        # Of equals the one that measured more.
        best = max(same, key=lambda run: (run.record.best, len(run.record.sphere)))
        chosen.append(best)
        notes.extend(
            f"{run.path} repeats {best.path} and ended in other figures; the better on validation "
            "is shown"
            for run in same
            if run.record.test != best.record.test
        )
    return chosen


def _differing(shown: Sequence[Run], settings: Iterable[Sequence[Run]]) -> dict[str, Any]:
    flat = [flatten(setting_of(runs[0].record.config)) for runs in settings]
    ours = flatten(setting_of(shown[0].record.config))
    keys = dict.fromkeys(key for each in flat for key in each)
    return {
        key: ours[key]
        for key in keys
        if key in ours and any(key not in each or each[key] != ours[key] for each in flat)
    }


def _figure(name: str, runs: Sequence[Run], printed: dict[str, float]) -> Figure:
    values = [run.record.test[name] for run in runs]
    metric = name.partition("/")[2]
    average = mean(values)
    return Figure(
        mean=average,
        std=stdev(values) if len(values) > 1 else None,
        ratio=average / printed[metric] if metric in printed else None,
    )


def _mark_best(cells: dict[Key, Cell], keys: Sequence[Key], columns: Sequence[str]) -> None:
    filled = [key for key in keys if cells[key].runs]
    if len(filled) < 2:
        return
    for column in columns:
        top = max(cells[key].figures[column].mean for key in filled)
        for key in filled:
            figures = cells[key].figures
            if figures[column].mean == top:
                marked = figures | {column: replace(figures[column], best=True)}
                cells[key] = replace(cells[key], figures=marked)
