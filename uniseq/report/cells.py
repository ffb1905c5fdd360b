"""Cells of a table, filled from the records that meet their conditions."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import mean, stdev
from typing import Any

from uniseq.formatting import setting
from uniseq.report.entries import Entry, setting_of, validations
from uniseq.report.tables import Key, Table, history_and_metric, matches


@dataclass(frozen=True, slots=True)
class Mean:
    """A test figure over the seeds of a cell.

    Args:
        mean: over seeds.
        std: the sample standard deviation; None for one seed.
        ratio: of the mean to the printed number; None where that is not at hand or of the other
            convention, and where a run was cut off by the cap.
        capped: whether a run was cut off: the figure is not that of the whole training.
        best: whether no other cell of the group has a better mean, and there is another.
    """

    mean: float
    std: float | None
    ratio: float | None
    best: bool = False
    capped: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """One of the settings that were tried for a cell.

    Args:
        runs: one a seed, in the order of the seeds.
        values: of the keys in which the settings differ.
        validation: that it was chosen or passed over by, see
            :func:`uniseq.report.entries.validations`.
    """

    runs: tuple[Entry, ...]
    values: dict[str, Any]
    validation: float


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: the best setting that was run for it, on validation, never on test.

    Args:
        key: panel, group and row.
        printed: the paper's numbers by metric; empty where they are not at hand.
        tried: settings, configs that differ in more than the seed, the best one first.
        pruned: how many others a search has given up early.
        broken: runs that failed or were interrupted and were not made good by another.
        means: by figure, such as ``masked/HR@10``; empty where nothing was run to its end.
        notes: what a reader must know about its records.
    """

    key: Key
    printed: dict[str, float]
    tried: tuple[Setting, ...] = ()
    pruned: int = 0
    broken: tuple[Entry, ...] = ()
    means: dict[str, Mean] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def runs(self) -> tuple[Entry, ...]:
        """Of the setting that is shown, one a seed, in the order of the seeds."""
        return self.tried[0].runs if self.tried else ()

    @property
    def settings(self) -> int:
        """How many settings were tried."""
        return len(self.tried) + self.pruned

    @property
    def chosen(self) -> dict[str, Any]:
        """The values of the keys in which the settings differ, of the one shown."""
        return self.tried[0].values if self.tried else {}

    @property
    def validation(self) -> float | None:
        """That the setting shown was chosen by; None where nothing was run."""
        return self.tried[0].validation if self.tried else None

    @property
    def state(self) -> str:
        """``run``, ``not run``, or how its runs ended when none came to its end."""
        if self.runs:
            return "run"
        ends = {run.record.status for run in self.broken} | ({"pruned"} if self.pruned else set())
        return " and ".join(sorted(ends)) if ends else "not run"

    @property
    def capped(self) -> bool:
        """Whether the epoch cap ended one of its runs: more epochs might give more."""
        return any(run.capped for run in self.runs)

    @property
    def changed(self) -> bool:
        """Whether one of its runs was made from a checkout with changes that are in no commit."""
        return any(run.changed for run in self.runs)


def fill(table: Table, runs: Sequence[Entry]) -> dict[Key, Cell]:
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


def _cell(table: Table, key: Key, eligible: Iterable[Entry]) -> Cell:
    conditions = [part.conditions for part in table.parts(key)]
    fitting = [run for run in eligible if matches(run.record.config, *conditions)]
    odd = {run.path: table.unlisted(key, setting_of(run.record.config)) for run in fitting}
    found = [run for run in fitting if not odd[run.path]]
    finished = [run for run in found if run.record.status == "finished"]
    complete = [run for run in finished if set(table.columns) <= run.record.test.keys()]
    notes = [
        f"{run.path} has no {', '.join(sorted(set(table.columns) - run.record.test.keys()))}"
        for run in finished
        if run not in complete
    ]
    notes += [
        f"{path} fills no cell of {table.label(key)}: the table neither fixes {setting(values)} "
        "nor leaves it free"
        for path, values in odd.items()
        if values
    ]
    made_good = {run.record.config_hash for run in complete}
    broken = tuple(
        run
        for run in found
        if run.record.status in ("failed", "interrupted")
        and run.record.config_hash not in made_good
    )
    printed = table.printed_at(key)
    pruned = {run.setting for run in found if run.record.status == "pruned"}
    if not complete:
        return Cell(key, printed, pruned=len(pruned), broken=broken, notes=tuple(notes))
    settings: dict[str, list[Entry]] = defaultdict(list)
    for run in complete:
        settings[run.setting].append(run)
    tried = _tried([_one_a_seed(each, notes) for each in settings.values()])
    return Cell(
        key,
        printed,
        tried=tried,
        pruned=len(pruned - settings.keys()),
        broken=broken,
        means={name: _mean(table, name, tried[0].runs, printed) for name in table.columns},
        notes=tuple(notes),
    )


def _one_a_seed(runs: Iterable[Entry], notes: list[str]) -> list[Entry]:
    """Of runs of one setting and seed one; a note where their tests differ.

    Not the best: every repetition would be one more draw.
    """
    seeds: dict[int, list[Entry]] = defaultdict(list)
    for run in runs:
        seeds[run.record.seed].append(run)
    chosen = []
    for _, same in sorted(seeds.items()):
        first = max(same, key=lambda run: len(run.record.sphere))  # of equals the first
        chosen.append(first)
        notes.extend(
            f"{run.path} repeats {first.path} and ended in other figures; the latter is shown"
            for run in same
            if any(
                run.record.test[name] != first.record.test[name]
                for name in run.record.test.keys() & first.record.test.keys()
            )
        )
    return chosen


def _tried(settings: Sequence[Sequence[Entry]]) -> tuple[Setting, ...]:
    """The settings by their validation figure, the best first; of equals that of more seeds."""
    configs = [
        setting_of(runs[0].record.config) | {"data": runs[0].record.dataset.get("fingerprint")}
        for runs in settings
    ]
    keys = sorted({key for config in configs for key in config})
    differing = [
        key
        for key in keys
        if any(key not in config or config[key] != configs[0].get(key) for config in configs)
    ]
    tried = [
        Setting(tuple(runs), {key: config[key] for key in differing if key in config}, figure)
        for runs, config, figure in zip(settings, configs, validations(settings), strict=True)
    ]
    return tuple(sorted(tried, key=lambda each: (-each.validation, -len(each.runs))))


def _mean(table: Table, name: str, runs: Sequence[Entry], printed: dict[str, float]) -> Mean:
    values = [run.record.test[name] for run in runs]
    _, metric = history_and_metric(name)
    average, capped = mean(values), any(run.capped for run in runs)
    comparable = printed.get(metric) and table.is_like_printed(name) and not capped
    return Mean(
        mean=average,
        std=stdev(values) if len(values) > 1 else None,
        ratio=average / printed[metric] if comparable else None,
        capped=capped,
    )


def _mark_best(cells: dict[Key, Cell], keys: Sequence[Key], columns: Sequence[str]) -> None:
    filled = [key for key in keys if cells[key].runs]
    if len(filled) < 2:
        return
    for column in columns:
        top = max(cells[key].means[column].mean for key in filled)
        for key in filled:
            means = cells[key].means
            if means[column].mean == top:
                marked = means | {column: replace(means[column], best=True)}
                cells[key] = replace(cells[key], means=marked)
