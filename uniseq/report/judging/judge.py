"""Judging of claims: each in each panel and group, with paired tests corrected over the table."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from uniseq.errors import DataError
from uniseq.report.cells import Cell
from uniseq.report.claims import Beats, Claim, GroupOrder, LargestLoss, Pair
from uniseq.report.judging.courses import judge_course
from uniseq.report.judging.paired import paired
from uniseq.report.judging.significance import holm
from uniseq.report.judging.verdicts import Finding, Verdict, places
from uniseq.report.tables import CONVENTIONS, Key, Table


def verdicts(table: Table, cells: Mapping[Key, Cell]) -> list[Verdict]:
    """Each claim in each panel and group, the history masked and not.

    A claim that a row is better than several others is shown by the largest p of them all, an
    intersection-union test (Berger 1982); that it is not, by the smallest p of those that are
    better, times how many there are. What decides is corrected over the table, by Holm's method.
    """
    judged = [
        _judge(table, claim, (panel, group), history, cells)
        for claim in table.claims
        for panel in table.panels
        for group in places(table, claim)
        for history in CONVENTIONS
    ]
    tested = [one.p for each in judged for one in each.findings if one.p is not None]
    corrected = iter(holm(tested))
    return [
        replace(
            each,
            findings=tuple(
                one if one.p is None else replace(one, p=next(corrected)) for one in each.findings
            ),
        )
        for each in judged
    ]


def _judge(
    table: Table, claim: Claim, place: tuple[str, str], history: str, cells: Mapping[Key, Cell]
) -> Verdict:
    """One claim in one place, before the correction for how many there are."""
    rows = {key[2]: cell for key, cell in cells.items() if key[:2] == place}
    if isinstance(claim, GroupOrder):
        return _judge_order(table, claim, place, history, cells)
    if not isinstance(claim, Beats | LargestLoss):
        return judge_course(table, claim, place, history, rows)
    labels = {row: part.label for row, part in table.rows.items()}
    run = {row for row, cell in rows.items() if cell.runs}
    wanted = claim.against(list(rows))
    others = [row for row in wanted if row in run]
    gaps = tuple(labels[row] for row in dict.fromkeys([*claim.needed, *wanted]) if row not in run)
    if not run.issuperset(claim.needed) or not others:
        return Verdict(claim, *place, history, 0, not_run=gaps)
    pairs = claim.statements(others)
    findings, untested = [], None
    for metric in table.metrics:
        column = f"{history}/{metric}"
        means = {row: rows[row].means[column].mean for row in run}
        p, problem = _tested(pairs, rows, column)
        untested = problem or untested
        pair, chance = _decisive(pairs, means, p)
        text = f"{metric} {claim.evidence(means, pair, len(others) > 1, labels)}"
        findings.append(Finding(metric, *pair, (means[pair[0]], means[pair[1]]), chance, text))
    seeds = min(len(rows[row].runs) for pair in pairs for row in pair)
    return Verdict(claim, *place, history, seeds, tuple(findings), gaps, untested)


def _judge_order(
    table: Table,
    claim: GroupOrder,
    place: tuple[str, str],
    history: str,
    cells: Mapping[Key, Cell],
) -> Verdict:
    """A claim on the order of groups in one panel."""
    labels = {group: part.label for group, part in table.groups.items()}
    found = {group: cells.get((place[0], group, claim.row)) for group in claim.groups}
    run = {group: cell for group, cell in found.items() if cell is not None and cell.runs}
    gaps = tuple(labels[group] for group in claim.groups if group not in run)
    pairs = claim.statements(list(run))
    if not pairs:
        return Verdict(claim, *place, history, 0, not_run=gaps)
    findings, untested = [], None
    for metric in table.metrics:
        column = f"{history}/{metric}"
        means = {group: cell.means[column].mean for group, cell in run.items()}
        p, problem = _tested(pairs, run, column)
        untested = problem or untested
        pair, chance = _decisive(pairs, means, p)
        text = f"{metric} {claim.evidence(means, pair, labels)}"
        findings.append(Finding(metric, *pair, (means[pair[0]], means[pair[1]]), chance, text))
    seeds = min(len(cell.runs) for cell in run.values())
    return Verdict(claim, *place, history, seeds, tuple(findings), gaps, untested)


def _tested(
    pairs: Sequence[Pair], cells: Mapping[str, Cell], column: str
) -> tuple[dict[Pair, float] | None, str | None]:
    """P of each comparison; or none, and why not."""
    try:
        return {(one, two): paired(cells[one], cells[two], column).p for one, two in pairs}, None
    except DataError as error:
        return None, str(error)


def _decisive(
    pairs: Sequence[Pair], means: Mapping[str, float], p: Mapping[Pair, float] | None
) -> tuple[Pair, float | None]:
    """The comparison that decides whether all hold, and its p."""

    def lead(pair: Pair) -> float:
        return means[pair[0]] - means[pair[1]]

    if p is None:
        return min(pairs, key=lead), None
    behind = [pair for pair in pairs if lead(pair) <= 0]
    if behind:
        pair = min(behind, key=lambda pair: (p[pair], lead(pair)))
        return pair, min(1.0, p[pair] * len(pairs))
    pair = max(pairs, key=lambda pair: (p[pair], -lead(pair)))
    return pair, p[pair]
