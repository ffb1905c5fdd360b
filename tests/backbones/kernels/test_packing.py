"""Packing of histories into bins: everything is placed once and sees its own past alone."""

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from uniseq.backbones.kernels.packing import CAPACITIES, pack

EXAMPLES = settings(max_examples=30, deadline=None, derandomize=True)
SHORT = st.lists(st.integers(1, 20), min_size=1, max_size=40)
LONG = st.lists(st.integers(1, 70) | st.sampled_from([256, 257, 300]), min_size=1, max_size=12)


def edge_cases(test):
    for lengths in ([1], [1] * 100, [16], [17, 1], [16, 16, 1], [64, 65, 256, 257], [300, 5], [41]):
        test = example(lengths)(test)
    return test


def packed(lengths, dtype=torch.float32):
    return pack(np.array(lengths), torch.empty(0, dtype=dtype))


@edge_cases
@given(SHORT | LONG)
@EXAMPLES
def test_every_token_of_the_batch_is_placed_exactly_once(lengths):
    packing, total = packed(lengths), sum(lengths)
    assert (
        sorted(packing.place.tolist()) == packing.row.lt(len(lengths)).nonzero().flatten().tolist()
    )
    assert packing.source[packing.place].tolist() == list(range(total))
    owner = [b for b, length in enumerate(lengths) for _ in range(length)]
    assert packing.row[packing.place].tolist() == owner


@edge_cases
@given(SHORT | LONG)
@EXAMPLES
def test_padding_is_marked_as_no_history(lengths):
    packing, total = packed(lengths), sum(lengths)
    padding = packing.row == len(lengths)
    assert int(padding.sum()) == len(packing.row) - total
    assert packing.source[padding].eq(0).all()
    assert packing.row.max() <= len(lengths)


@edge_cases
@given(SHORT | LONG)
@EXAMPLES
def test_bins_cover_the_packed_tokens_and_none_is_over_capacity(lengths):
    packing = packed(lengths)
    begin = 0
    for r in packing.rectangles:
        assert (r.tokens.start, r.tokens.stop) == (begin, begin + r.bins * r.capacity)
        assert r.bias.shape == (r.bins, r.capacity, r.capacity)
        assert r.capacity in {*CAPACITIES, max(lengths)}
        # No bin is empty.
        rows = packing.row[r.tokens].view(r.bins, r.capacity)
        assert rows.lt(len(lengths)).any(-1).all()
        begin = r.tokens.stop
    assert begin == len(packing.row) == len(packing.source)


@edge_cases
@given(SHORT | LONG)
@EXAMPLES
def test_histories_are_contiguous_and_whole_within_a_bin(lengths):
    packing = packed(lengths)
    bin_of = torch.cat(
        [
            torch.arange(r.bins).repeat_interleave(r.capacity) + 10_000 * index
            for index, r in enumerate(packing.rectangles)
        ]
    )
    for length, places in zip(lengths, packing.place.split(lengths), strict=True):
        first = int(places[0])
        assert places.tolist() == list(range(first, first + length))
        assert bin_of[places].unique().numel() == 1
        assert packing.from_start[places].tolist() == list(range(length))
        assert packing.from_end[places].tolist() == list(range(length))[::-1]
    padding = packing.row == len(lengths)
    assert packing.from_start[padding].eq(0).all() and packing.from_end[padding].eq(0).all()
    assert packing.last.tolist() == [int(p[-1]) for p in packing.place.split(lengths)]


@edge_cases
@given(SHORT | LONG)
@EXAMPLES
def test_a_token_sees_exactly_the_earlier_tokens_of_its_history_and_itself(lengths):
    assert_visibility(packed(lengths), len(lengths))


def assert_visibility(packing, count):
    for r in packing.rectangles:
        row = packing.row[r.tokens].view(r.bins, r.capacity)
        source = packing.source[r.tokens].view(r.bins, r.capacity)
        real = row < count
        own_past = (row[:, :, None] == row[:, None, :]) & (source[:, :, None] >= source[:, None, :])
        assert torch.equal((r.bias == 0)[real], own_past[real])
        # What is hidden has no weight at all, next to the largest of scores.
        weights = (r.bias.double() + 1e4 * (r.bias != 0)).softmax(-1)
        assert weights[real][~own_past[real]].eq(0).all()
        # Padding sees something, so that its softmax is a number.
        assert weights.isfinite().all()
        assert (r.bias == 0).any(-1).all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    "lengths", [[9] + [1] * 600, [9] + [1] * 3000, [300, 290, 5]], ids=["many", "more", "long"]
)
def test_what_a_token_sees_does_not_depend_on_the_floating_type(dtype, lengths):
    packing = packed(lengths, dtype)
    assert all(r.bias.dtype == dtype for r in packing.rectangles)
    assert_visibility(packing, len(lengths))


@pytest.mark.parametrize(
    ("mean", "longest", "limit"), [(5, 50, 0.02), (5, 200, 0.02), (30, 200, 0.05)]
)
def test_little_is_padding_on_batches_of_usual_size(mean, longest, limit):
    generator = np.random.default_rng(0)
    shares = []
    for _ in range(5):
        lengths = generator.geometric(1 / mean, size=256).clip(1, longest)
        shares.append(1 - lengths.sum() / len(packed(lengths).row))
    assert np.mean(shares) < limit


def test_histories_of_one_length_need_no_padding():
    for length in (1, 4, 7, 50, 300):
        assert len(packed([length] * 12).row) <= length * 12 + max(16 - length, 0)


def test_short_histories_fill_what_long_ones_leave():
    packing = packed([20, 17, 2, 3, 18])
    assert [(r.bins, r.capacity) for r in packing.rectangles] == [(3, 20)]
    assert packing.row.lt(5).all()
