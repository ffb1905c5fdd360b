"""Whether the claims of a table held here."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from uniseq.errors import DataError
from uniseq.report.cells import Cell
from uniseq.report.claims import Claim
from uniseq.report.paired import paired
from uniseq.report.significance import holm
from uniseq.report.tables import HISTORIES, Key, Table
from uniseq.report.text import probability

HELD, FAILED, MIXED, OPEN, NOT_RUN = "held", "did not hold", "mixed", "open", "not run"
UNCLEAR = "unclear"
CHANCE = 0.05
MEANING = {
    HELD: "in every metric",
    FAILED: "in no metric",
    MIXED: "in some metrics",
    UNCLEAR: f"no difference that chance would not explain: p is {CHANCE:g} or more in each metric",
    OPEN: "held against what was run; the rest is missing",
    NOT_RUN: "too little was run to say",
}
SYMBOLS = {HELD: "✓", FAILED: "✗", MIXED: "≈", UNCLEAR: "?", OPEN: "…", NOT_RUN: "–"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a claim held in one panel and group, under one convention.

    Args:
        claim: which.
        panel: the data set.
        group: the backbone.
        history: ``masked`` or ``unmasked``.
        state: one of ``MEANING``.
        evidence: the figures, and what was not run.
    """

    claim: Claim
    panel: str
    group: str
    history: str
    state: str
    evidence: str


def verdicts(table: Table, cells: Mapping[Key, Cell]) -> list[Verdict]:
    """Each claim in each panel and group, the history masked and not.

    The tests behind them are corrected together, by Holm's method.
    """
    judged = [
        _Judged(table, claim, panel, group, history, cells)
        for claim in table.claims
        for panel in table.panels
        for group in table.groups
        for history in HISTORIES
    ]
    corrected = iter(holm([p for each in judged for p in each.p.values()]))
    return [each.verdict({metric: next(corrected) for metric in each.p}) for each in judged]


def by_claim(
    table: Table, found: Sequence[Verdict]
) -> Iterator[tuple[Claim, str, list[list[Verdict]]]]:
    """Of each claim and group: the verdicts by panel, each under both conventions."""
    for claim in table.claims:
        for group in table.groups:
            of_group = [one for one in found if (one.claim, one.group) == (claim, group)]
            panels = [[one for one in of_group if one.panel == panel] for panel in table.panels]
            yield claim, group, panels


class _Judged:
    """One claim in one place, before the correction for how many there are."""

    def __init__(
        self,
        table: Table,
        claim: Claim,
        panel: str,
        group: str,
        history: str,
        cells: Mapping[Key, Cell],
    ) -> None:
        self.place = (claim, panel, group, history)
        rows = {key[2]: cell for key, cell in cells.items() if key[:2] == (panel, group)}
        labels = {row: table.rows[row].label for row in table.rows}
        run = {row for row, cell in rows.items() if cell.runs}
        wanted = claim.against(list(rows))
        others = [row for row in wanted if row in run]
        gaps = [labels[row] for row in dict.fromkeys([*claim.needed, *wanted]) if row not in run]
        self.missing = [f"not run: {' / '.join(gaps)}"] if gaps else []
        self.held: dict[str, bool] = {}
        self.evidence: dict[str, str] = {}
        self.p: dict[str, float] = {}
        if not run.issuperset(claim.needed) or not others:
            return
        for metric in table.metrics:
            column = f"{history}/{metric}"
            means = {row: rows[row].figures[column].mean for row in run}
            self.held[metric] = claim.judge(means, others)
            self.evidence[metric] = f"{metric} {claim.evidence(means, others, labels)}"
            one, other = claim.pair(means, others)
            with suppress(DataError):  # without ranks there is no test; the means stand
                self.p[metric] = paired(rows[one], rows[other], column).p

    def verdict(self, p: Mapping[str, float]) -> Verdict:
        """With the corrected probabilities."""
        if not self.held:
            return Verdict(*self.place, NOT_RUN, *(self.missing or ["nothing to compare with"]))
        held = self.held.values()
        state = HELD if all(held) else MIXED if any(held) else FAILED
        state = OPEN if state == HELD and self.missing else state
        if p.keys() == self.held.keys() and min(p.values()) >= CHANCE:
            state = UNCLEAR
        told = [
            text + (f", p {probability(p[metric])}" if metric in p else "")
            for metric, text in self.evidence.items()
        ]
        return Verdict(*self.place, state, "; ".join([*told, *self.missing]))
