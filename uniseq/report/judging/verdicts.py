"""Verdicts on the claims of a table: whether they held here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from uniseq.errors import DataError
from uniseq.formatting import probability
from uniseq.report.cells import Cell
from uniseq.report.claims import Claim, Pair
from uniseq.report.judging.paired import paired
from uniseq.report.judging.significance import holm
from uniseq.report.tables import CONVENTIONS, Key, Table

HELD, FAILED, MIXED, OPEN, NOT_RUN = "held", "did not hold", "mixed", "open", "not run"
UNCLEAR = "unclear"
CHANCE = 0.05
MEANING = {
    HELD: "in every metric",
    FAILED: "in no metric, and the contrary in one at least",
    MIXED: "in some metrics, in others not or not surely",
    UNCLEAR: "no difference in any metric that chance would not explain",
    OPEN: "held against what was run; the rest is missing",
    NOT_RUN: "too little was run to say",
}
SYMBOLS = {HELD: "✓", FAILED: "✗", MIXED: "≈", UNCLEAR: "?", OPEN: "…", NOT_RUN: "–"}
ONE_SEED = "¹"


@dataclass(frozen=True, slots=True)
class Finding:
    """The comparison that decides a claim in one metric.

    Args:
        metric: such as ``HR@10``.
        better: the row that is said to be better.
        worse: the row that it is held against.
        means: of the two.
        p: that chance alone makes such a difference, two-sided; None where it was not tested.
        evidence: the figures in words.
    """

    metric: str
    better: str
    worse: str
    means: tuple[float, float]
    p: float | None
    evidence: str

    @property
    def shown(self) -> bool | None:
        """Whether it is so, or the contrary; None when chance would explain the difference."""
        if self.p is not None and self.p >= CHANCE:
            return None
        return self.means[0] > self.means[1]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a claim held in one panel and group, under one convention.

    Args:
        claim: which.
        panel: the data set.
        group: the backbone.
        history: ``masked`` or ``unmasked``.
        seeds: the fewest that a row of its comparisons has; 0 where nothing is compared.
        findings: by metric.
        not_run: the labels of rows that it needs.
        untested: why differences could not be tested, so that the means alone stand.
    """

    claim: Claim
    panel: str
    group: str
    history: str
    seeds: int
    findings: tuple[Finding, ...] = ()
    not_run: tuple[str, ...] = ()
    untested: str | None = None

    @property
    def state(self) -> str:
        """One of ``MEANING``."""
        shown = [finding.shown for finding in self.findings]
        if not shown:
            return NOT_RUN
        if all(shown):
            return OPEN if self.not_run else HELD
        if any(shown):
            return MIXED
        return FAILED if False in shown else UNCLEAR

    @property
    def mark(self) -> str:
        """What stands behind the state where a row has one seed."""
        return ONE_SEED if self.seeds == 1 else ""

    @property
    def evidence(self) -> str:
        """The figures, and what was not run."""
        told = [
            one.evidence + ("" if one.p is None else f", p {probability(one.p)}")
            for one in self.findings
        ]
        told += [f"not run: {' / '.join(self.not_run)}"] if self.not_run else []
        told += [f"not tested: {self.untested}"] if self.untested else []
        return "; ".join(told) or "nothing to compare with"


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
        for group in table.groups
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


def by_claim(
    table: Table, found: Sequence[Verdict]
) -> Iterator[tuple[Claim, str, list[list[Verdict]]]]:
    """Of each claim and group: the verdicts by panel, each under both conventions.

    A claim on an optional row goes unsaid in a group where none of it was run.
    """
    for claim in table.claims:
        owed = [row for row, part in table.rows.items() if not part.optional]
        named = [*claim.needed, *claim.against(owed)]
        waived = any(table.rows[row].optional for row in named)
        for group in table.groups:
            of_group = [one for one in found if (one.claim, one.group) == (claim, group)]
            if waived and all(one.state == NOT_RUN for one in of_group):
                continue
            panels = [[one for one in of_group if one.panel == panel] for panel in table.panels]
            yield claim, group, panels


def _judge(
    table: Table, claim: Claim, place: tuple[str, str], history: str, cells: Mapping[Key, Cell]
) -> Verdict:
    """One claim in one place, before the correction for how many there are."""
    rows = {key[2]: cell for key, cell in cells.items() if key[:2] == place}
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
        p: dict[Pair, float] | None = None
        try:
            p = {(one, other): paired(rows[one], rows[other], column).p for one, other in pairs}
        except DataError as error:
            untested = str(error)
        pair, chance = _decisive(pairs, means, p)
        text = f"{metric} {claim.evidence(means, pair, len(others) > 1, labels)}"
        findings.append(Finding(metric, *pair, (means[pair[0]], means[pair[1]]), chance, text))
    seeds = min(len(rows[row].runs) for pair in pairs for row in pair)
    return Verdict(claim, *place, history, seeds, tuple(findings), gaps, untested)


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
