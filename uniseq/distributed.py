"""Shared batches: what each process computes, and how the parts become one again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.function import once_differentiable


@dataclass(frozen=True, slots=True)
class Share:
    """What falls to one of several processes: the ``rank``-th of ``world`` equal stretches.

    A process that is alone has none: its batches never come by here.

    Args:
        rank: of the process, counted from 0.
        world: number of processes.
    """

    rank: int
    world: int

    def edges(self, count: int) -> np.ndarray:
        """Where the stretches of ``count`` rows begin and end. Shape (world + 1,)."""
        return np.arange(self.world + 1) * count // self.world

    def of(self, count: int) -> slice:
        """The stretch of ``count`` rows that is its own; the first row where nothing falls to it.

        Every process takes part in what all do together, so one without work computes a stand-in,
        which :func:`gather_rows` leaves out.
        """
        begin, end = self.edges(count)[self.rank : self.rank + 2].tolist()
        return slice(begin, end) if end > begin else slice(0, 1)

    def sums(self, weights: np.ndarray) -> tuple[int, ...]:
        """What the rows of each process's stretch weigh together."""
        total = np.concatenate(([0], np.cumsum(weights)))
        return tuple(np.diff(total[self.edges(len(weights))]).tolist())


def gather_rows(
    rows: Tensor, counts: Sequence[int], group: dist.ProcessGroup | None = None
) -> Tensor:
    """The rows of all processes in the order of their ranks, with a gradient.

    Every process then computes the same loss ``L(H)`` from the same gathered ``H``, and
    DistributedDataParallel replaces the gradient ``g_r`` that process r finds by the mean
    ``(1/W) · Σ_r g_r`` over the W processes. To follow one parameter θ: H is the stack of the
    H_r(θ), of which process r holds the graph of its own H_r alone. So the gradient of the rows is
    the part of ∂L/∂H that belongs to H_r, *times W*:

        (1/W) · Σ_r W · (∂L/∂H_r) · (∂H_r/∂θ) = dL/dθ,

    the gradient of one process that holds all rows. What each process computes in full from
    replicated parameters (rows of the item table, weights of the loss) needs no factor: there all
    g_r are the same dL/dθ, and so is their mean. Backward thus sends nothing. An objective that
    draws random numbers draws others in each process; the mean is then a gradient of the
    expectation.

    The cost: R·d numbers are sent, and the loss, all R² pairs of it, is computed in each process.
    That is a few matrix products of R × d by d × R and as much memory as in one process; the
    backbone, where the time goes, is shared.

    Args:
        rows: of this process, at least as many as fall to it; the rest is left out. Shape
            (n, …).
        counts: rows of each process, known to all so that none waits to be told.
        group: the processes; None for all.

    Returns:
        Shape (sum(counts), …).
    """
    gathered: Tensor = _GatherRows.apply(rows, tuple(counts), group)  # type: ignore[no-untyped-call]
    return gathered


class _GatherRows(torch.autograd.Function):
    """Collectives want tensors of one size: shorter parts travel filled up."""

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, counts: tuple[int, ...], group: dist.ProcessGroup | None
    ) -> Tensor:
        rank = dist.get_rank(group)
        begin, count = sum(counts[:rank]), counts[rank]
        ctx.part, ctx.shape, ctx.world = slice(begin, begin + count), rows.shape, len(counts)
        sent = rows.new_zeros(max(counts), *rows.shape[1:])
        sent[:count] = rows[:count]
        parts = [torch.empty_like(sent) for _ in counts]
        dist.all_gather(parts, sent, group=group)
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        own = grad[ctx.part]
        grad_rows = grad.new_zeros(ctx.shape)
        grad_rows[: len(own)] = own * ctx.world
        return grad_rows, None, None
