"""Courses of training: claims on how a row's histories spread, and its performance meanwhile.

A course is one run's, or the mean of several, and no test of users speaks of it: what is judged is
the sign alone, and the verdict says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from uniseq.formatting import change, metric, so_many_epochs
from uniseq.report.cells import Cell
from uniseq.report.claims import ClustersEarly, RisesAsSpread
from uniseq.report.entries import Entry
from uniseq.report.judging.verdicts import Finding, Verdict
from uniseq.report.tables import Table

COSINE = "cosine of histories"
NO_TEST = "the course of a run, of which users say nothing"


@dataclass(frozen=True, slots=True)
class Course:
    """The runs of a row whose histories were measured, between two epochs, counted from 0."""

    runs: Sequence[Entry]
    early: int
    late: int

    def cosine(self, epoch: int) -> float:
        """The mean cosine of pairs of histories after an epoch, over the runs."""
        return mean(_cosines(run)[epoch] for run in self.runs)

    def figure(self, name: str, epoch: int) -> float | None:
        """A validation figure after an epoch, over the runs; None where one has it not."""
        rows = [_at(run.record.epochs, epoch) for run in self.runs]
        return mean(row[name] for row in rows) if all(name in row for row in rows) else None


def judge_course(
    table: Table,
    claim: ClustersEarly | RisesAsSpread,
    place: tuple[str, str],
    history: str,
    rows: Mapping[str, Cell],
) -> Verdict:
    """Whether such a claim held in one panel and group, under one convention."""
    course = _course(rows.get(claim.row))
    if course is None:
        return Verdict(claim, *place, history, 0, not_run=(_gap(table, claim.row),))
    seeds = len(course.runs)
    if isinstance(claim, ClustersEarly):
        findings, gaps = _clusters(table, claim, course, rows)
        return Verdict(claim, *place, history, seeds, tuple(findings), gaps, NO_TEST)
    cosines = _between(course, *(_plain(course.cosine(at)) for at in (course.early, course.late)))
    if course.cosine(course.late) >= course.cosine(course.early):
        told = f"they did not spread: {COSINE} {cosines}"
        return Verdict(claim, *place, history, seeds, untested=told)
    findings = list(_rises(table, claim, course, history))
    if not findings:
        gaps = (f"{_gap(table, claim.row)} and validation then",)
        return Verdict(claim, *place, history, 0, not_run=gaps)
    told = f"{NO_TEST}; {COSINE} {cosines}"
    return Verdict(claim, *place, history, seeds, tuple(findings), (), told)


def _clusters(
    table: Table, claim: ClustersEarly, course: Course, rows: Mapping[str, Cell]
) -> tuple[list[Finding], tuple[str, ...]]:
    """That they lie together early: more than late, and more than another row's so early."""
    first, last = (course.cosine(epoch) for epoch in (course.early, course.late))
    text = f"{COSINE} {_between(course, _plain(first), _plain(last))}"
    findings = [Finding(COSINE, claim.row, claim.row, (first, last), None, text)]
    if claim.than is None:
        return findings, ()
    other = _course(rows.get(claim.than))
    if other is None or other.early != course.early:
        return findings, (_gap(table, claim.than),)
    theirs = other.cosine(course.early)
    against = f"{_plain(theirs)} ({table.rows[claim.than].label})"
    text = f"{_plain(first)} against {against} after {so_many_epochs(course.early + 1)}"
    return [*findings, Finding(COSINE, claim.row, claim.than, (first, theirs), None, text)], ()


def _rises(table: Table, claim: RisesAsSpread, course: Course, history: str) -> Iterator[Finding]:
    """That validation figures are higher late than early, where there was a validation at both."""
    for name in table.metrics:
        column = f"val/{history}/{name}"
        one, two = (course.figure(column, epoch) for epoch in (course.early, course.late))
        if one is not None and two is not None:
            figures = _between(course, metric(one), metric(two))
            text = f"validation {name} {figures}, {change(two, one)}"
            yield Finding(name, claim.row, claim.row, (two, one), None, text)


def _between(course: Course, early: str, late: str) -> str:
    """Two figures of a course, and when they were so."""
    first, last = (so_many_epochs(epoch + 1) for epoch in (course.early, course.late))
    return f"{early} after {first}, {late} after {last}"


def _gap(table: Table, row: str) -> str:
    """What was not run, where a row has no course."""
    return f"{table.rows[row].label} with sphere=watch"


def _course(cell: Cell | None) -> Course | None:
    """None where no run was measured after two epochs at least."""
    runs = [run for run in cell.runs if _cosines(run)] if cell else []
    epochs: set[int] = set.intersection(*(set(_cosines(run)) for run in runs)) if runs else set()
    return Course(runs, min(epochs), max(epochs)) if len(epochs) > 1 else None


def _cosines(run: Entry) -> dict[int, float]:
    """Mean cosines of pairs of histories by epoch, where there were any pairs."""
    found = [(int(entry["epoch"]), entry["histories"]["cosine"]) for entry in run.record.sphere]
    return {epoch: cosine["mean"] for epoch, cosine in found if cosine is not None}


def _at(epochs: Sequence[Mapping[str, float]], epoch: int) -> Mapping[str, float]:
    return next((each for each in epochs if each.get("epoch") == epoch), {})


def _plain(cosine: float) -> str:
    return f"{cosine:.3f}".replace("0.", ".", 1).replace("-", "−")
