"""Courses of training: claims on how a row's histories spread, and its performance meanwhile.

A course is one run's, or the mean of several, and no test of users speaks of it: what is judged is
the sign alone, and the verdict says so.
"""

from collections.abc import Mapping, Sequence
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
    labels = {row: part.label for row, part in table.rows.items()}
    course = _course(rows.get(claim.row))
    gap = f"{labels[claim.row]} with sphere=watch"
    if course is None:
        return Verdict(claim, *place, history, 0, not_run=(gap,))
    early, late = (so_many_epochs(epoch + 1) for epoch in (course.early, course.late))
    when = f"after {early}, {{}} after {late}"
    first, last = course.cosine(course.early), course.cosine(course.late)
    cosines = f"{COSINE} {_plain(first)} {when.format(_plain(last))}"
    seeds = len(course.runs)
    if isinstance(claim, ClustersEarly):
        findings = [Finding(COSINE, claim.row, claim.row, (first, last), None, cosines)]
        other = _course(rows.get(claim.than)) if claim.than else None
        gaps: tuple[str, ...] = ()
        if claim.than and (other is None or course.early != other.early):
            gaps = (f"{labels[claim.than]} with sphere=watch",)
        elif claim.than and other is not None:
            theirs = other.cosine(course.early)
            text = f"{_plain(first)} against {_plain(theirs)} ({labels[claim.than]}) after {early}"
            findings.append(Finding(COSINE, claim.row, claim.than, (first, theirs), None, text))
        return Verdict(claim, *place, history, seeds, tuple(findings), gaps, NO_TEST)
    if last >= first:
        spread = f"they did not spread: {cosines}"
        return Verdict(claim, *place, history, seeds, untested=spread)
    findings = []
    for name in table.metrics:
        one, two = (
            course.figure(f"val/{history}/{name}", epoch) for epoch in (course.early, course.late)
        )
        if one is not None and two is not None:
            text = f"validation {name} {metric(one)} {when.format(metric(two))}, {change(two, one)}"
            findings.append(Finding(name, claim.row, claim.row, (two, one), None, text))
    if not findings:
        return Verdict(claim, *place, history, 0, not_run=(f"{gap} and validation then",))
    told = f"{NO_TEST}; {cosines}"
    return Verdict(claim, *place, history, seeds, tuple(findings), (), told)


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
