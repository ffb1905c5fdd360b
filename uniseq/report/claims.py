"""Claims of a table, by kind: what each needs, and how its figures are judged."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from uniseq.formatting import change, metric

Means = Mapping[str, float]
Labels = Mapping[str, str]
Pair = tuple[str, str]


class Beats(BaseModel):
    """One row is better than others.

    Args:
        text: the claim in words.
        winner: the row.
        losers: the rows that it beats; None for all others.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["beats"]
    text: str
    winner: str
    losers: list[str] | None = None

    @property
    def needed(self) -> list[str]:
        """The rows without which nothing can be said."""
        return [self.winner]

    def against(self, rows: Sequence[str]) -> list[str]:
        """The rows that it is held against, of those that the table has."""
        others = [row for row in rows if row != self.winner]
        return others if self.losers is None else self.losers

    def statements(self, others: Sequence[str]) -> list[Pair]:
        """The better and the worse row of each comparison that it consists of."""
        return [(self.winner, row) for row in others]

    def evidence(self, means: Means, decisive: Pair, several: bool, labels: Labels) -> str:
        """The figures that it rests on.

        Args:
            means: by row.
            decisive: one of the statements.
            several: whether there were others.
            labels: of the rows.
        """
        _, rival = decisive
        ours, theirs = means[self.winner], means[rival]
        named = f" ({labels[rival]})" if several else ""
        return f"{metric(ours)} against {metric(theirs)}{named}, {change(ours, theirs)}"


class LargestLoss(BaseModel):
    """Of several parts, leaving out one costs most.

    Args:
        text: the claim in words.
        full: the row with all parts.
        without: the row without the part that is said to matter most.
        others: the rows without another part each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["largest_loss"]
    text: str
    full: str
    without: str
    others: list[str]

    @property
    def needed(self) -> list[str]:
        """The rows without which nothing can be said."""
        return [self.full, self.without]

    def against(self, rows: Sequence[str]) -> list[str]:
        """The rows that it is held against."""
        return self.others

    def statements(self, others: Sequence[str]) -> list[Pair]:
        """The better and the worse row of each comparison that it consists of."""
        return [(row, self.without) for row in [*others, self.full]]

    def evidence(self, means: Means, decisive: Pair, several: bool, labels: Labels) -> str:
        """The figures that it rests on; see :meth:`Beats.evidence`."""
        rival, _ = decisive
        full = means[self.full]
        left = " and ".join(
            f"{metric(means[row])} ({labels[row]}, {change(means[row], full)})"
            for row in (self.without, rival)
            if row != self.full
        )
        return f"of {metric(full)} remain {left}"


Claim = Annotated[Beats | LargestLoss, Field(discriminator="kind")]
