"""Verdicts on the claims of a table: whether they held here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from uniseq.formatting import probability
from uniseq.report.claims import Claim, GroupOrder
from uniseq.report.tables import Table

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
        better: the row that is said to be better; of a claim on the order of groups, the group.
        worse: the row or group that it is held against.
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
        group: the backbone; empty for a claim on the order of all.
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
        for group in places(table, claim):
            of_group = [one for one in found if (one.claim, one.group) == (claim, group)]
            if waived and all(one.state == NOT_RUN for one in of_group):
                continue
            panels = [[one for one in of_group if one.panel == panel] for panel in table.panels]
            yield claim, group, panels


def places(table: Table, claim: Claim) -> list[str]:
    """The groups that a claim is judged in; one without a name for a claim on their order."""
    return [""] if isinstance(claim, GroupOrder) else list(table.groups)
