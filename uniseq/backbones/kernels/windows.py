"""Horizontal filters over short windows as matrix products, with hand-written gradients.

One convolution a height, as the library offers, costs a handful of small operations for each of L
heights and direction. Aligned by their last rows, the filters of all heights are one kernel and
their values one product.
"""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from uniseq.precision import at_least_float32, without_autocast


class HorizontalFilters(torch.autograd.Function):
    """``max(0, max over positions of the filter's value)``, Eq. 2 – 4 of Tang & Wang.

    ``apply(x, kernel, bias)``: the last c of the L rows of each window, those before being zero,
    shape (n, c, d); the filters of all heights by their last c rows, oldest first and zero above a
    filter's own, shape (c·d, L·n_h); and their biases, shape (L, n_h). Gives shape (n, L·n_h).
    Where several positions share the largest value, the gradient goes to one of them.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
        """Values at all positions, by where a filter ends, and the largest of them."""
        ctx.given = [tensor.dtype for tensor in (x, kernel, bias)]
        x, kernel, bias = (at_least_float32(tensor) for tensor in (x, kernel, bias))
        ctx.biases = bias.shape
        count, capacity, dim = x.shape
        outside, alone = _edges(*bias.shape, capacity, bias.dtype, bias.device)
        padded = x.new_zeros(count, 2 * capacity - 1, dim)
        padded[:, capacity - 1 :] = x
        # All runs of c rows, one for each row in which a filter can end.
        runs = padded.as_strided(
            (count, capacity, capacity * dim), (padded.stride(0), dim, 1)
        ).reshape(count * capacity, -1)
        with without_autocast(x):
            values = runs @ kernel  # (n·c, L·n_h)
        values = values.view(count, capacity, -1).add_(outside)
        largest, place = values.max(1)  # (n, L·n_h)
        features = torch.maximum(largest, alone).add_(bias.flatten()).relu_()
        ctx.save_for_backward(runs, kernel, place, features, largest > alone)
        return features.to(ctx.given[0])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Each feature's gradient goes to the run in which its filter was largest."""
        runs, kernel, place, features, on_items = ctx.saved_tensors
        count, filters = place.shape
        capacity = len(runs) // count
        grad = grad.to(features.dtype) * (features > 0)  # (n, L·n_h)
        values = grad.new_zeros(count, capacity, filters)
        values.scatter_(1, place[:, None], (grad * on_items)[:, None])
        values = values.view(-1, filters)
        in_runs = (values @ kernel.mT).view(count, capacity, capacity, -1)
        padded = grad.new_zeros(count, 2 * capacity - 1, in_runs.shape[-1])
        for row in range(capacity):
            padded[:, row : row + capacity] += in_runs[:, :, row]
        grads = (padded[:, capacity - 1 :], runs.mT @ values, grad.sum(0).view(ctx.biases))
        x, weights, bias = (tensor.to(kind) for tensor, kind in zip(grads, ctx.given, strict=True))
        return x, weights, bias


@lru_cache(maxsize=64)
def _edges(
    length: int, filters: int, capacity: int, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """What the window's edge does to the filters of each height h, ends e and c of L rows.

    Returns:
        -inf where a filter that ends in row e would begin before the window, else 0, shape
        (c, L·n_h); and 0 for filters that also fit among the L - c zeros, else -inf, shape
        (L·n_h,).
    """
    zeros = length - capacity
    with torch.inference_mode(False):  # they outlive the pass that asks for them first
        height = torch.arange(1, length + 1, device=device).repeat_interleave(filters)
        end = torch.arange(capacity, device=device)[:, None]
        none = torch.tensor(-torch.inf, dtype=dtype, device=device)
        outside = torch.where(height > zeros + end + 1, none, 0)
        return outside, torch.where(height > zeros, none, 0)
