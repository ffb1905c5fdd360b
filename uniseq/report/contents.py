"""The contents of a report, gathered from the records before it is written in any format."""

import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from uniseq.errors import DataError, UniseqError
from uniseq.records.identity import current_config
from uniseq.report.cells import Cell, fill
from uniseq.report.entries import Entry, by_dotted_key, read_entries, setting_of
from uniseq.report.judging.comparisons import Comparison, comparisons
from uniseq.report.judging.judge import verdicts
from uniseq.report.judging.verdicts import Verdict
from uniseq.report.tables import Key, Paper, Table, history_and_metric, matches

CAPPED, BROKEN, CHANGED = "†", "‡", "§"
MARKS = {
    CAPPED: "the epoch cap, not early stopping, ended a run: more epochs might give more, so that "
    "its figures are grey (in Markdown italic) and have no ratio to the printed ones",
    BROKEN: "another run of this cell failed or was interrupted, and none has made it good",
    CHANGED: "a run was made from a checkout with changes that are in no commit",
}
SIZES = ("users", "items", "interactions")
# Beside the folder of the records: a repetition is none of them.
REPEATED = "../repeated"


@dataclass(frozen=True, slots=True)
class Section:
    """One table, filled.

    Args:
        table: what it asks for.
        cells: by panel, group and row.
        yardsticks: of each panel: test figures by ranking that needs no training.
        comparisons: tests of its own row against the best of the others.
        verdicts: on its claims.
        notes: what a reader must know about its records.
    """

    table: Table
    cells: Mapping[Key, Cell]
    yardsticks: Mapping[str, Mapping[str, Mapping[str, float]]]
    comparisons: Sequence[Comparison]
    verdicts: Sequence[Verdict]
    notes: Sequence[str]

    def nothing_run(self, panel: str) -> bool:
        """Whether nothing was run for a panel."""
        return all(c.state == "not run" for key, c in self.cells.items() if key[0] == panel)

    def has_printed(self, panel: str) -> bool:
        """Whether there are printed numbers of a panel."""
        return any(cell.printed for key, cell in self.cells.items() if key[0] == panel)

    def group_label(self, panel: str, group: str) -> str:
        """Data set and backbone in words; the data set alone where no backbone is named."""
        if not group:
            return self.table.panels[panel].label
        return f"{self.table.panels[panel].label} · {self.table.groups[group].label}"

    @property
    def untested(self) -> list[str]:
        """Where its own row was not run, so that nothing is compared."""
        return [
            self.group_label(*one.ours.key[:2]) for one in self.comparisons if not one.ours.runs
        ]

    def untrained_above(self, panel: str) -> list[str]:
        """Which rankings without training are above all trained rows of a group, and in what."""
        lines = []
        for group, part in self.table.groups.items():
            cells = [cell for cell in self.rows(panel, group) if cell.runs]
            of_group = f" of {part.label}" if len(self.table.groups) > 1 else ""
            for name, figures in self.yardsticks[panel].items() if cells else ():
                columns = [
                    " ".join(history_and_metric(column))
                    for column in self.table.columns
                    if figures[column] > max(cell.means[column].mean for cell in cells)
                ]
                if columns:
                    lines.append(
                        f"{name.replace('_', ' ')}, without training, is above every trained row"
                        f"{of_group} in {', '.join(columns)}"
                    )
        return lines

    def data_sizes(self, panel: str) -> str | None:
        """The size of a panel's data in words; None where nothing was run."""
        for key, cell in self.cells.items():
            if key[0] == panel and cell.runs:
                seen = cell.runs[0].record.dataset
                sizes = [f"{seen[of]:,} {of}" for of in SIZES if of in seen]
                return ", ".join([*sizes, f"{seen['ranked_users']['test']:,} of the users tested"])
        return None

    @property
    def common_settings(self) -> dict[str, dict[str, Any]]:
        """What the configs of the runs that are shown have in common, by dotted key.

        Of all of them, then what those of a group have besides, then those of a row, by label.
        """
        parts = {"all": _common(self.cells.values())}
        for place, named in ((1, self.table.groups), (2, self.table.rows)):
            # No set: a value may be a list.
            told = [pair for values in parts.values() for pair in values.items()]
            for name, part in named.items() if len(named) > 1 else ():
                found = _common(cell for key, cell in self.cells.items() if key[place] == name)
                parts[part.label] = {
                    key: found[key] for key in found if (key, found[key]) not in told
                }
        return {label: values for label, values in parts.items() if values}

    def rows(self, panel: str, group: str) -> list[Cell]:
        """The cells of a group, in order."""
        return [cell for key, cell in self.cells.items() if key[:2] == (panel, group)]


@dataclass(frozen=True, slots=True)
class Report:
    """All of it.

    Args:
        folder: that the records lie below.
        out: the folder that the report is written to.
        runs: every readable record.
        unreadable: one fault for each that is not.
        sections: the tables.
    """

    folder: Path
    out: Path
    runs: Sequence[Entry]
    unreadable: Sequence[DataError]
    sections: Sequence[Section]

    @property
    def papers(self) -> list[Paper]:
        """The papers that its tables repeat, each once."""
        named = [section.table.paper for section in self.sections]
        return list(dict.fromkeys(paper for paper in named if paper is not None))

    def link_to(self, run: Entry) -> str:
        """The record's address, seen from the report."""
        return quote(Path(os.path.relpath(run.path, self.out)).as_posix())

    def path_in_folder(self, run: Entry) -> str:
        """The record's file, seen from the folder of the records."""
        return run.path.relative_to(self.folder).as_posix()

    def shorten_paths(self, text: str) -> str:
        """A message with paths as they are seen from the folder of the records."""
        return text.replace(f"{self.folder}{os.sep}", "")

    def command(self, cell: Cell) -> str:
        """What repeats a cell, run in the folder of the records."""
        places = shlex.join(self.path_in_folder(run) for run in cell.runs)
        return f"python -m uniseq.repeat --out {REPEATED} {places}"

    def cells_by_record(self) -> dict[Path, list[str]]:
        """The cells that show each record, in words."""
        used: dict[Path, list[str]] = {}
        for section in self.sections:
            for key, cell in section.cells.items():
                for run in cell.runs:
                    label = f"{section.table.name}: {section.table.label(key)}"
                    used.setdefault(run.path, []).append(label)
        return used


def gather(folder: Path, out: Path, tables: Sequence[Table]) -> Report:
    """Read all records below a folder and fill the tables.

    Raises:
        UniseqError: when there is no record.
    """
    runs, unreadable = read_entries(folder)
    if not runs and not unreadable:
        raise UniseqError(f"{folder}: has no record.json below it: name the folder of the runs")
    known = set().union(*(by_dotted_key(current_config(run.record.config)) for run in runs))
    return Report(folder, out, runs, unreadable, [_section(table, runs, known) for table in tables])


def marks(cell: Cell) -> str:
    """The marks behind a cell's name."""
    if not cell.runs:
        return ""
    holds = {CAPPED: cell.capped, BROKEN: bool(cell.broken), CHANGED: cell.changed}
    return "".join(mark for mark, there in holds.items() if there)


def _common(cells: Iterable[Cell]) -> dict[str, Any]:
    """Keys and values that the configs of all runs of some cells share."""
    settings = [setting_of(run.record.config) for cell in cells for run in cell.runs]
    first, rest = (settings[0], settings[1:]) if settings else ({}, [])
    return {
        key: value
        for key, value in first.items()
        if all(key in other and other[key] == value for other in rest)
    }


def _idle_panels(
    table: Table, cells: Mapping[Key, Cell], found: Sequence[Verdict]
) -> Iterator[str]:
    """Optional panels in which nothing failed, nor was run that bears on a claim.

    Tables share runs: one that stands alone in a panel is there compared with nothing.
    """
    harmless = {"not run", "run"} if table.claims else {"not run"}
    for panel, part in table.panels.items():
        states = {cell.state for key, cell in cells.items() if key[0] == panel}
        judged = any(one.findings for one in found if one.panel == panel)
        if part.optional and not judged and states <= harmless:
            yield panel


def _section(table: Table, runs: Sequence[Entry], known: Set[str]) -> Section:
    cells = fill(table, runs)
    found = verdicts(table, cells)
    idle = set(_idle_panels(table, cells, found))
    table = table.without(idle)
    cells = {key: cell for key, cell in cells.items() if key[0] not in idle}
    notes = [*_unknown(table, known), *(note for cell in cells.values() for note in cell.notes)]
    yardsticks = {panel: _yardsticks(table, panel, runs, notes) for panel in table.panels}
    return Section(
        table,
        cells,
        yardsticks,
        comparisons(table, cells),
        [one for one in found if one.panel not in idle],
        list(dict.fromkeys(notes)),
    )


def _unknown(table: Table, known: Set[str]) -> Iterator[str]:
    """Of condition keys that no record has and that may be misspelt: they are null everywhere."""
    absent = sorted(table.condition_keys() - known)
    if absent:
        yield f"no record has the key {', '.join(absent)}, which conditions of this table name"


def _yardsticks(
    table: Table, panel: str, runs: Sequence[Entry], notes: list[str]
) -> Mapping[str, Mapping[str, float]]:
    """Those of the panel's data; they do not depend on the model, so that any record has them."""
    part = table.panels[panel]
    found = [
        run
        for run in runs
        if run.record.yardsticks
        and matches(run.record.config, table.conditions, part.conditions)
        and all(set(table.columns) <= each.keys() for each in run.record.yardsticks.values())
    ]
    shown = [
        {
            name: {column: figures[column] for column in table.columns}
            for name, figures in run.record.yardsticks.items()
        }
        for run in found
    ]
    for run, figures in zip(found, shown, strict=True):
        if figures != shown[0]:
            notes.append(
                f"{run.path} has other figures of the rankings without training than "
                f"{found[0].path}, which are shown"
            )
    return found[0].record.yardsticks if found else {}
