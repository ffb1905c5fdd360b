"""The two attentions: values against loops, hand-written gradients against finite differences."""

import math

import numpy as np
import pytest
import torch

from uniseq.backbones.kernels.attention import CausalAttention, LastAttention
from uniseq.backbones.kernels.dropout import dropout_masks
from uniseq.backbones.kernels.packing import pack

# With padding in one rectangle; without any; with two rectangles.
BATCHES = pytest.mark.parametrize("lengths", [[3, 1, 3], [2, 2], [17, 1, 2]], ids=str)
HEADS = pytest.mark.parametrize("heads", [1, 2])
MASKED = pytest.mark.parametrize("masked", [False, True], ids=["whole", "dropout"])
DIM = 4


def packed(lengths):
    return pack(np.array(lengths), torch.empty(0, dtype=torch.float64))


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def causal_masks(packing, heads, masked):
    if not masked:
        return []
    torch.manual_seed(0)
    shapes = [(r.bins * heads, r.capacity, r.capacity) for r in packing.rectangles]
    return [mask.double() for mask in dropout_masks(shapes, 0.4, packing.rectangles[0].bias)]


def slow_attention(query, keys, values, heads, mask=None):
    """One query (d,) over keys and values (n, d); the mask is of shape (n, heads)."""
    size = len(query) // heads
    out = torch.zeros_like(query)
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        scores = [float(query[part] @ key[part]) / math.sqrt(size) for key in keys]
        weights = [math.exp(score) for score in scores]
        for n, (weight, value) in enumerate(zip(weights, values, strict=True)):
            kept = 1.0 if mask is None else float(mask[n, head])
            out[part] += weight / sum(weights) * kept * value[part]
    return out


def causal_mask_rows(packing, masks, heads, places):
    """For each token of a history, the mask of its attention weights: (n, heads) each."""
    for r, mask in zip(packing.rectangles, masks, strict=True):
        if r.tokens.start <= int(places[0]) < r.tokens.stop:
            within = places - r.tokens.start
            of_bin = mask.view(r.bins, heads, r.capacity, r.capacity)[within[0] // r.capacity]
            cell = within % r.capacity
            return [of_bin[:, a, cell].T for a in cell]
    raise AssertionError("a history lies in no rectangle")


@BATCHES
@HEADS
@MASKED
def test_causal_attention_is_the_loop(lengths, heads, masked):
    packing = packed(lengths)
    qkv = normal(len(packing.row), 3 * DIM)
    masks = causal_masks(packing, heads, masked)
    actual = CausalAttention.apply(qkv, packing, heads, *masks)
    for places in packing.place.split(lengths):
        q, k, v = qkv[places].split(DIM, dim=1)
        rows = causal_mask_rows(packing, masks, heads, places) if masked else [None] * len(places)
        for n, mask in enumerate(rows):
            past = slice(0, n + 1)
            kept = None if mask is None else mask[past]
            expected = slow_attention(q[n], k[past], v[past], heads, kept)
            torch.testing.assert_close(actual[places[n]], expected, rtol=1e-9, atol=1e-12)


@BATCHES
@HEADS
@MASKED
def test_last_attention_is_the_loop(lengths, heads, masked):
    packing = packed(lengths)
    query, kv = normal(len(lengths), DIM), normal(len(packing.row), 2 * DIM, seed=1)
    mask = normal(len(packing.row), heads, seed=2) if masked else None
    actual = LastAttention.apply(query, *kv.chunk(2, 1), packing.row, heads, mask)
    for b, places in enumerate(packing.place.split(lengths)):
        k, v = kv[places].split(DIM, dim=1)
        kept = mask[places] if masked else None
        expected = slow_attention(query[b], k, v, heads, kept)
        torch.testing.assert_close(actual[b], expected, rtol=1e-9, atol=1e-12)


@BATCHES
@HEADS
@MASKED
def test_gradcheck_of_causal_attention(lengths, heads, masked):
    packing = packed(lengths)
    qkv = normal(len(packing.row), 3 * DIM).requires_grad_()
    masks = causal_masks(packing, heads, masked)
    assert torch.autograd.gradcheck(
        lambda qkv: CausalAttention.apply(qkv, packing, heads, *masks),
        (qkv,),
        fast_mode=len(qkv) > 16,
    )


@BATCHES
@HEADS
@MASKED
def test_gradcheck_of_last_attention(lengths, heads, masked):
    packing = packed(lengths)
    query = normal(len(lengths), DIM).requires_grad_()
    kv = normal(len(packing.row), 2 * DIM, seed=1).requires_grad_()
    mask = normal(len(packing.row), heads, seed=2) if masked else None
    assert torch.autograd.gradcheck(
        lambda query, kv: LastAttention.apply(query, *kv.chunk(2, 1), packing.row, heads, mask),
        (query, kv),
        fast_mode=len(kv) > 16,
    )


@HEADS
def test_last_attention_is_the_last_row_of_causal_attention(heads):
    packing = packed([5, 1, 18, 2])
    qkv = normal(len(packing.row), 3 * DIM)
    causal = CausalAttention.apply(qkv, packing, heads)[packing.last]
    query, kv = qkv[packing.last, :DIM], qkv[:, DIM:].contiguous()
    last = LastAttention.apply(query, *kv.chunk(2, 1), packing.row, heads, None)
    torch.testing.assert_close(last, causal, rtol=1e-9, atol=1e-12)


def test_padding_gets_no_gradient_and_gives_none():
    packing = packed([3, 1, 3])
    padding = packing.row == 3
    assert padding.any()
    kv = normal(len(packing.row), 2 * DIM).requires_grad_()
    query = normal(3, DIM, seed=1)
    LastAttention.apply(query, *kv.chunk(2, 1), packing.row, 2, None).sum().backward()
    assert kv.grad[padding].eq(0).all()
    qkv = normal(len(packing.row), 3 * DIM).requires_grad_()
    CausalAttention.apply(qkv, packing, 2)[~padding].square().sum().backward()
    assert qkv.grad[padding].eq(0).all()
    assert qkv.grad[~padding].abs().sum() > 0


@pytest.mark.parametrize("size", [1e2, 1e3])
def test_large_scores_give_numbers(size):
    packing = packed([4, 2])
    qkv = (size * normal(len(packing.row), 3 * DIM)).float().requires_grad_()
    float_packing = pack(np.array([4, 2]), torch.empty(0))
    causal = CausalAttention.apply(qkv, float_packing, 2)
    query, kv = qkv[packing.last, :DIM], qkv[:, DIM:].contiguous()
    last = LastAttention.apply(query, *kv.chunk(2, 1), packing.row, 2, None)
    torch.testing.assert_close(last, causal[packing.last])
    (causal.sum() + last.sum()).backward()
    assert qkv.grad.isfinite().all()
