"""Convention of the printed numbers, where a paper names none: told from what masking does to ours.

Masking raises NDCG more than HR where the items of a history stand at the top of the list, so that
NDCG / HR tells the two rankings apart.
"""

from collections.abc import Iterator

from uniseq.report.cells import Cell
from uniseq.report.contents import Section
from uniseq.report.tables import CONVENTIONS


def told(section: Section) -> str | None:
    """Which convention the printed numbers look like, and where ours stand against them.

    None for a table that compares its printed numbers with both, or has no HR or NDCG.
    """
    table = section.table
    hit = next((name for name in table.metrics if name.startswith("HR@")), None)
    gain = next((name for name in table.metrics if name == (hit or "").replace("HR", "NDCG")), None)
    if table.printed_history is None or hit is None or gain is None:
        return None
    counted, stands = [], []
    for group, part in table.groups.items():
        cells = [cell for panel in table.panels for cell in _compared(section, panel, group, hit)]
        if not cells:
            continue
        nearer = sum(_nearer(cell, hit, gain) == table.printed_history for cell in cells)
        counted.append(f"{nearer} of {len(cells)} rows of {part.label}")
        ratios = [
            mean.ratio
            for cell in cells
            if cell.key[2] == table.ours
            for mean in cell.means.values()
            if mean.ratio is not None
        ]
        if ratios:
            stands.append(f"×{min(ratios):.2f} to ×{max(ratios):.2f} with {part.label}")
    if not counted:
        return None
    text = (
        f"The ratio of printed {gain} to printed {hit} is nearer to that of our "
        f"{table.printed_history} ranking than to the other in {', '.join(counted)} that were run: "
        f"the printed numbers are compared with the {table.printed_history} figures alone."
    )
    if stands:
        ours = table.rows[table.ours or ""].label
        text += (
            f" There {ours} is at {', '.join(stands)} of the print, at the settings that were run."
        )
    return text


def _compared(section: Section, panel: str, group: str, hit: str) -> Iterator[Cell]:
    for cell in section.rows(panel, group):
        if cell.runs and cell.printed.get(hit) and not cell.capped:
            yield cell


def _nearer(cell: Cell, hit: str, gain: str) -> str:
    """The convention whose NDCG / HR is nearer to the printed one; the first where both are."""
    wanted = cell.printed[gain] / cell.printed[hit]

    def distance(history: str) -> float:
        hits = cell.means[f"{history}/{hit}"].mean
        return abs(cell.means[f"{history}/{gain}"].mean / hits - wanted) if hits else float("inf")

    return min(CONVENTIONS, key=distance)
