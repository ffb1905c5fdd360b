"""Whether the claims of a table held here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from uniseq.report.cells import Cell
from uniseq.report.claims import Claim
from uniseq.report.tables import HISTORIES, Key, Table

HELD, FAILED, MIXED, OPEN, NOT_RUN = "held", "did not hold", "mixed", "open", "not run"
MEANING = {
    HELD: "in every metric",
    FAILED: "in no metric",
    MIXED: "in some metrics",
    OPEN: "held against what was run; the rest is missing",
    NOT_RUN: "too little was run to say",
}
SYMBOLS = {HELD: "✓", FAILED: "✗", MIXED: "≈", OPEN: "…", NOT_RUN: "–"}


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
    """Each claim in each panel and group, the history masked and not."""
    return [
        Verdict(claim, panel, group, history, *_judge(table, claim, rows, history))
        for claim in table.claims
        for panel in table.panels
        for group in table.groups
        for rows in [{key[2]: cell for key, cell in cells.items() if key[:2] == (panel, group)}]
        for history in HISTORIES
    ]


def by_claim(
    table: Table, found: Sequence[Verdict]
) -> Iterator[tuple[Claim, str, list[list[Verdict]]]]:
    """Of each claim and group: the verdicts by panel, each under both conventions."""
    for claim in table.claims:
        for group in table.groups:
            of_group = [one for one in found if (one.claim, one.group) == (claim, group)]
            panels = [[one for one in of_group if one.panel == panel] for panel in table.panels]
            yield claim, group, panels


def _judge(table: Table, claim: Claim, rows: Mapping[str, Cell], history: str) -> tuple[str, str]:
    """State and evidence."""
    labels = {row: table.rows[row].label for row in table.rows}
    run = {row for row, cell in rows.items() if cell.runs}
    wanted = claim.against(list(rows))
    others = [row for row in wanted if row in run]
    gaps = [labels[row] for row in dict.fromkeys([*claim.needed, *wanted]) if row not in run]
    missing = [f"not run: {' / '.join(gaps)}"] if gaps else []
    if not run.issuperset(claim.needed) or not others:
        return NOT_RUN, missing[0] if missing else "nothing to compare with"
    held, evidence = [], []
    for metric in table.metrics:
        means = {row: rows[row].figures[f"{history}/{metric}"].mean for row in run}
        held.append(claim.judge(means, others))
        evidence.append(f"{metric} {claim.evidence(means, others, labels)}")
    state = HELD if all(held) else MIXED if any(held) else FAILED
    return OPEN if state == HELD and missing else state, "; ".join([*evidence, *missing])
