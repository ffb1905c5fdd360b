"""Gaussian potential exp(-t·‖x - y‖²), summed over pairs: the two regularisers of Chung & Kim.

The functions take plain tensors and work in anyone's loop. They are sums, not means: the caller
divides. They hold for any vectors, but are made for those near the origin: in float32, vectors of
unit distance whose norm is 100 lose four digits.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from uniseq.precision import at_least_float32, without_autocast


def loss_hom(x: Tensor, t: float = 2.0, *, unordered: bool = True) -> Tensor:
    """Sum of the potential over the pairs within one kind of vector, L_hom, Eq. 4 of Chung & Kim.

    Args:
        x: vectors. Shape (n, d), or (…, n, d) for several sets of n whose sums are added.
        t: width of the potential.
        unordered: sum over pairs a < b. Otherwise over all ordered pairs, a = b included, which
            is twice that sum plus n.

    Returns:
        A scalar: a sum over pairs, not divided.
    """
    with without_autocast(x):
        others: Tensor = _PairsWithin.apply(at_least_float32(x), t)  # type: ignore[no-untyped-call]
    # The pairs a = b add exactly n and no gradient; rounding would make it another number.
    return others / 2 if unordered else others + x.shape[:-1].numel()


def loss_het(history: Tensor, negatives: Tensor, t: float = 2.0) -> Tensor:
    """Sum of the potential over all (history, negative item) pairs, L_het of Chung & Kim.

    Args:
        history: Shape (n, d).
        negatives: Shape (m, d).
        t: width of the potential.

    Returns:
        A scalar: a sum over n·m pairs, not divided.
    """
    with without_autocast(history):
        total: Tensor = _PairsBetween.apply(  # type: ignore[no-untyped-call]
            at_least_float32(history), at_least_float32(negatives), t
        )
    return total


class _PairsBetween(torch.autograd.Function):
    """Sum of p_ab = exp(-t·‖x_a - y_b‖²) over all a and b, for shapes (n, d) and (m, d).

    The gradient by hand is two matrix products instead of a chain of passes over all pairs:
    ∂/∂x_a = -2t · Σ_b p_ab · (x_a - y_b), and likewise for y.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, t: float) -> Tensor:
        potentials = _potentials(x, y, t)
        ctx.save_for_backward(x, y, potentials)
        ctx.t = t
        return potentials.sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        x, y, potentials = ctx.saved_tensors
        factor = -2 * ctx.t * grad
        grad_x = (x * potentials.sum(1, keepdim=True)).addmm_(potentials, y, alpha=-1.0)
        grad_y = (y * potentials.sum(0)[:, None]).addmm_(potentials.mT, x, alpha=-1.0)
        return grad_x.mul_(factor), grad_y.mul_(factor), None


class _PairsWithin(torch.autograd.Function):
    """Sum of p_ab over the ordered pairs a ≠ b of each set, at half the work of two."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, t: float) -> Tensor:
        potentials = _potentials(x, x, t)  # (…, n, n)
        potentials.diagonal(dim1=-2, dim2=-1).zero_()
        ctx.save_for_backward(x, potentials)
        ctx.t = t
        return potentials.sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        x, potentials = ctx.saved_tensors
        grad_x = x * potentials.sum(-1, keepdim=True) - potentials @ x
        return grad_x.mul_(-4 * ctx.t * grad), None


def _potentials(x: Tensor, y: Tensor, t: float) -> Tensor:
    """exp(-t·‖x_a - y_b‖²), shape (…, n, m): one matrix product of extended vectors and two passes.

    -t·‖x - y‖² = [2t·x, -t·‖x‖², -t] · [y, 1, ‖y‖²], at most 0 up to rounding.
    """
    square_x, square_y = x.square().sum(-1, keepdim=True), y.square().sum(-1, keepdim=True)
    left = torch.cat([x * (2 * t), square_x * -t, torch.full_like(square_x, -t)], dim=-1)
    right = torch.cat([y, torch.ones_like(square_y), square_y], dim=-1)
    return (left @ right.mT).clamp_max_(0.0).exp_()
