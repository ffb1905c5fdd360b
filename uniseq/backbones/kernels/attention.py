"""Multi-head attention over packed histories, with hand-written gradients.

Composed from the library's operations these two take hundreds of small kernel launches a step,
which on batches of short histories cost more than the arithmetic. Written out they are a few
matrix products and element-wise passes, the same ones on every device. Under half precision the
softmax and its gradient are taken in float32. Gradients are checked numerically in the tests.
"""

from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from uniseq.backbones.kernels.packing import Packing
from uniseq.precision import at_least_float32


class CausalAttention(torch.autograd.Function):
    """Each token attends to itself and the earlier tokens of its history (Vaswani et al. 2017).

    ``apply(qkv, packing, heads, *masks)``: queries, keys and values beside each other, shape
    (P, 3d), to shape (P, d). The masks, none or one a rectangle of shape (n·heads, C, C), are
    multiplied with the attention weights.
    """

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, packing: Packing, heads: int, *masks: Tensor) -> Tensor:
        """Attention, one capacity of bins at a time."""
        dim = qkv.shape[1] // 3
        scale = (dim // heads) ** -0.5
        mixed = qkv.new_empty(len(qkv), dim)
        saved: list[Tensor] = []
        exact = torch.promote_types(qkv.dtype, torch.float32)
        for r, mask in zip_longest(packing.rectangles, masks):
            shape = (r.bins, r.capacity, 3, heads, dim // heads)
            parts = qkv[r.tokens].view(shape).permute(2, 0, 3, 1, 4).contiguous()
            q, k, v = parts.flatten(1, 2).unbind()  # (n·heads, C, d/heads)
            bias = (
                r.bias.to(qkv.dtype)[:, None].expand(-1, heads, -1, -1).flatten(0, 1)
            )  # (n·heads, C, C)
            weights = torch.baddbmm(bias, q, k.mT, alpha=scale).softmax(-1, dtype=exact)
            used = (weights if mask is None else weights * mask).to(qkv.dtype)
            out = torch.bmm(used, v)
            mixed[r.tokens].view(r.bins, r.capacity, heads, -1).copy_(
                out.view(r.bins, heads, r.capacity, -1).transpose(1, 2)
            )
            saved += [parts, weights]
        ctx.save_for_backward(*saved, *masks)
        ctx.packing, ctx.heads, ctx.scale = packing, heads, scale
        return mixed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradient of queries, keys and values: shape (P, d) to (P, 3d)."""
        heads, dim = ctx.heads, grad.shape[1]
        grad_qkv = grad.new_empty(len(grad), 3 * dim)
        rectangles = ctx.packing.rectangles
        count = 2 * len(rectangles)
        saved, masks = ctx.saved_tensors[:count], ctx.saved_tensors[count:]
        for r, parts, weights, mask in zip_longest(rectangles, saved[::2], saved[1::2], masks):
            q, k, v = parts.flatten(1, 2).unbind()  # (n·heads, C, d/heads)
            out = grad[r.tokens].view(r.bins, r.capacity, heads, -1).transpose(1, 2)
            out = out.contiguous().flatten(0, 1)  # (n·heads, C, d/heads)
            grads = torch.empty_like(parts)
            grad_q, grad_k, grad_v = grads.flatten(1, 2).unbind()
            used = (weights if mask is None else weights * mask).to(grad.dtype)
            torch.bmm(used.mT, out, out=grad_v)
            # Gradient of the weights, then of the scores.
            scores = torch.bmm(out, v.mT).to(weights.dtype)
            if mask is not None:
                scores.mul_(mask)
            scores.mul_(weights)
            scores.addcmul_(weights, scores.sum(-1, keepdim=True), value=-1).mul_(ctx.scale)
            scores = scores.to(grad.dtype)
            torch.bmm(scores, k, out=grad_q)
            torch.bmm(scores.mT, q, out=grad_k)
            grad_qkv[r.tokens].view(r.bins, r.capacity, 3, heads, -1).copy_(
                grads.permute(1, 3, 0, 2, 4)
            )
        return grad_qkv, None, None, *(None for _ in masks)


class LastAttention(torch.autograd.Function):
    """One query a history attends to all tokens of the history: no rectangle is needed.

    ``apply(query, key, value, row, heads, mask)``: queries of shape (B, d), keys and values of
    shape (P, d), and the history of each token of shape (P,), B for padding; to shape (B, d). The
    mask, None or of shape (P, heads), is multiplied with the attention weights.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        row: Tensor,
        heads: int,
        mask: Tensor | None,
    ) -> Tensor:
        """Softmax over each history's tokens by sums over segments."""
        count, dim = query.shape
        given = query.dtype
        query, key, value = map(at_least_float32, (query, key, value))
        k, v = _by_head(key, heads), _by_head(value, heads)  # (P, heads, d/heads)
        q = _by_head(_spread(query, row), heads)
        scale = k.shape[-1] ** -0.5
        scores = (q * k).sum(-1).mul_(scale)  # (P, heads)
        segments = row[:, None].expand_as(scores)
        top = scores.new_full((count + 1, heads), -torch.inf)
        top.scatter_reduce_(0, segments, scores, "amax")
        weights = scores.sub_(top.index_select(0, row)).exp_()
        total = scores.new_zeros(count + 1, heads).index_add_(0, row, weights)
        weights.div_(total.index_select(0, row))
        used = weights if mask is None else weights * mask
        mixed = query.new_zeros(count + 1, dim)
        mixed.index_add_(0, row, (used[..., None] * v).flatten(1))
        ctx.save_for_backward(query, key, value, row, weights, mask)
        ctx.heads, ctx.scale, ctx.given = heads, scale, given
        return mixed[:count].to(given)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the queries (B, d), and of keys and values (P, d)."""
        query, key, value, row, weights, mask = ctx.saved_tensors
        heads, (count, dim) = ctx.heads, query.shape
        k, v = _by_head(key, heads), _by_head(value, heads)  # (P, heads, d/heads)
        out = _by_head(_spread(grad.to(key.dtype), row), heads)
        used = weights if mask is None else weights * mask
        scores = (out * v).sum(-1)  # (P, heads): gradient of the weights, then of the scores
        if mask is not None:
            scores.mul_(mask)
        scores.mul_(weights)
        total = scores.new_zeros(count + 1, heads).index_add_(0, row, scores)
        scores.addcmul_(weights, total.index_select(0, row), value=-1).mul_(ctx.scale)
        q = _by_head(_spread(query, row), heads)
        grad_key = (q * scores[..., None]).flatten(1)
        grad_value = (out * used[..., None]).flatten(1)
        grad_query = key.new_zeros(count + 1, dim)
        grad_query.index_add_(0, row, (k * scores[..., None]).flatten(1))
        grads = (grad_query[:count], grad_key, grad_value)
        return *(x.to(ctx.given) for x in grads), None, None, None


def _by_head(x: Tensor, heads: int) -> Tensor:
    """Shape (n, d) to (n, heads, d/heads)."""
    return x.view(len(x), heads, -1)


def _spread(x: Tensor, row: Tensor) -> Tensor:
    """Each history's vector at all its tokens, zero at padding. Shape (B, d) to (P, d)."""
    return torch.cat([x, x.new_zeros(1, x.shape[1])]).index_select(0, row)
