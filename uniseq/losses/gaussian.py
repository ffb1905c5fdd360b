"""Sums of the Gaussian potential exp(-t·‖x - y‖²) over pairs: the two regularisers of Chung & Kim.

The functions take plain tensors and work in anyone's loop. They are sums, not means: the caller
divides. They hold for any vectors, not only on the unit sphere.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def loss_hom(x: Tensor, t: float = 2.0, *, unordered: bool = True) -> Tensor:
    """Sum of the potential over the pairs within one kind of vector, L_hom, Eq. 4 of Chung & Kim.

    Args:
        x: vectors. Shape (n, d).
        t: width of the potential.
        unordered: sum over pairs a < b. Otherwise over all ordered pairs, a = b included, which
            is twice that sum plus n.

    Returns:
        A scalar: a sum over pairs, not divided.
    """
    # The pairs a = b add exactly n and no gradient, and rounding would make it less than n.
    others: Tensor = _PairSum.apply(x, x, t, True)  # type: ignore[no-untyped-call]
    return others / 2 if unordered else others + len(x)


def loss_het(history: Tensor, negatives: Tensor, t: float = 2.0) -> Tensor:
    """Sum of the potential over all (history, negative item) pairs, L_het of Chung & Kim.

    Args:
        history: Shape (n, d).
        negatives: Shape (m, d).
        t: width of the potential.

    Returns:
        A scalar: a sum over n·m pairs, not divided.
    """
    total: Tensor = _PairSum.apply(history, negatives, t, False)  # type: ignore[no-untyped-call]
    return total


class _PairSum(torch.autograd.Function):
    """Sum of exp(-t·‖x_a - y_b‖²) over all a and b, or over all a ≠ b.

    The gradient is by hand: two matrix products instead of a chain of passes over all pairs.

    With p_ab the potential, ∂/∂x_a = -2t · Σ_b p_ab · (x_a - y_b), and likewise for y.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, t: float, others_only: bool) -> Tensor:
        squares = x.square().sum(-1)[:, None] + y.square().sum(-1)  # (n, m)
        potentials = torch.addmm(squares, x, y.mT, alpha=-2.0)
        potentials.clamp_min_(0.0).mul_(-t).exp_()  # clamped against rounding
        if others_only:
            potentials.fill_diagonal_(0.0)
        ctx.save_for_backward(x, y, potentials)
        ctx.t = t
        return potentials.sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, y, potentials = ctx.saved_tensors
        factor = -2 * ctx.t * grad
        grad_x = (x * potentials.sum(1, keepdim=True)).addmm_(potentials, y, alpha=-1.0)
        grad_y = (y * potentials.sum(0)[:, None]).addmm_(potentials.mT, x, alpha=-1.0)
        return grad_x.mul_(factor), grad_y.mul_(factor), None, None
