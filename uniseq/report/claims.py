"""Claims of a table, by kind: what each needs, and how its figures are judged."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
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


class GroupOrder(BaseModel):
    """Of several groups, such as backbones, each is better than the next under one row.

    Args:
        text: the claim in words.
        row: that they are compared under.
        groups: the best first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["group_order"]
    text: str
    row: str
    groups: list[str] = Field(min_length=2)

    @property
    def needed(self) -> list[str]:
        """The row without which nothing can be said."""
        return [self.row]

    def against(self, rows: Sequence[str]) -> list[str]:
        """No other row."""
        return []

    def statements(self, run: Sequence[str]) -> list[Pair]:
        """The better and the worse group of each comparison, of those that were run."""
        groups = [group for group in self.groups if group in run]
        return list(pairwise(groups))

    def evidence(self, means: Means, decisive: Pair, labels: Labels) -> str:
        """The figures that it rests on.

        Args:
            means: by group.
            decisive: one of the statements.
            labels: of the groups.
        """
        ours, theirs = (means[group] for group in decisive)
        one, other = (labels[group] for group in decisive)
        return f"{metric(ours)} ({one}) against {metric(theirs)} ({other}), {change(ours, theirs)}"


class ClustersEarly(BaseModel):
    """A row's histories lie together early in training, and less so late.

    Args:
        text: the claim in words.
        row: whose.
        than: a row whose histories lie less together so early; None for none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["clusters_early"]
    text: str
    row: str
    than: str | None = None

    @property
    def needed(self) -> list[str]:
        """The rows that it speaks of."""
        return [self.row, *([self.than] if self.than else [])]

    def against(self, rows: Sequence[str]) -> list[str]:
        """No other row."""
        return []


class RisesAsSpread(BaseModel):
    """A row's validation figures rise while its histories spread.

    Args:
        text: the claim in words.
        row: whose.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["rises_as_spread"]
    text: str
    row: str

    @property
    def needed(self) -> list[str]:
        """The row that it speaks of."""
        return [self.row]

    def against(self, rows: Sequence[str]) -> list[str]:
        """No other row."""
        return []


Claim = Annotated[
    Beats | LargestLoss | GroupOrder | ClustersEarly | RisesAsSpread, Field(discriminator="kind")
]
