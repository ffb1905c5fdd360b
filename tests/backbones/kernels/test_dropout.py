"""The fast dropout masks: their values, their rate, and that their elements are independent."""

import pytest
import torch

from uniseq.backbones.kernels.dropout import dropout_masks

LIKE = torch.empty(0)
RATES = pytest.mark.parametrize("rate", [0.1, 0.2, 0.5, 0.75])
COUNT = 1 << 18


def draw(shapes, rate, seed=0):
    torch.manual_seed(seed)
    return dropout_masks(shapes, rate, LIKE)


def kept(mask):
    return (mask > 0).double()


def correlation(a, b):
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).mean() / (a.square().mean() * b.square().mean()).sqrt())


@RATES
def test_values_are_0_or_the_scale_and_the_mean_is_1(rate):
    mask = draw([(COUNT,)], rate)[0]
    values = mask.unique().tolist()
    assert values[0] == 0
    assert values[1:] == [pytest.approx(1 / (1 - rate), rel=1e-4)]
    # Five standard errors of the share that is dropped.
    assert float(mask.eq(0).double().mean()) == pytest.approx(
        rate, abs=5 * (rate * (1 - rate) / COUNT) ** 0.5
    )
    assert float(mask.double().mean()) == pytest.approx(
        1, abs=5 * (rate / (1 - rate) / COUNT) ** 0.5
    )


@RATES
def test_the_scale_is_that_of_the_rate_met(rate):
    scale = float(draw([(1000,)], rate)[0].max())
    met = round(rate * 65536) / 65536
    assert scale * (1 - met) == pytest.approx(1, rel=1e-7)


@pytest.mark.parametrize("rate", [1 / 65536, 3 / 65536])
def test_the_smallest_rates_are_met(rate):
    # 2**22 elements drop 64 or 192; the standard deviation is the root of that.
    expected = rate * 2**22
    dropped = int(draw([(2**22,)], rate)[0].eq(0).sum())
    assert abs(dropped - expected) < 5 * expected**0.5


@RATES
def test_neighbours_at_every_small_distance_are_independent(rate):
    mask = kept(draw([(COUNT,)], rate)[0])
    # The standard error of a correlation of this many is 0.002.
    for distance in [*range(1, 9), 31, 32, 33, 64]:
        assert abs(correlation(mask[:-distance], mask[distance:])) < 0.012


@RATES
def test_elements_that_share_a_random_word_are_independent(rate):
    # The 32 bits of a word come to lie COUNT / 32 apart.
    mask = kept(draw([(32, COUNT // 32)], rate)[0])
    off_diagonal = torch.corrcoef(mask) - torch.eye(32)
    # The standard error is 0.011, among 496 pairs.
    assert off_diagonal.abs().max() < 0.06


@RATES
def test_masks_of_one_draw_are_independent(rate):
    shapes = [(512, 64), (512, 64), (128, 16, 16), (32768,)]
    masks = draw(shapes, rate)
    assert [mask.shape for mask in masks] == [torch.Size(shape) for shape in shapes]
    flat = [kept(mask).flatten() for mask in masks]
    for a in range(len(flat)):
        for b in range(a):
            assert abs(correlation(flat[a], flat[b])) < 0.03


@RATES
def test_rows_and_columns_drop_alike(rate):
    mask = kept(draw([(1024, 256)], rate)[0])
    spread = (rate * (1 - rate)) ** 0.5
    assert (mask.mean(0) - (1 - rate)).abs().max() < 5 * spread / 1024**0.5
    assert (mask.mean(1) - (1 - rate)).abs().max() < 5 * spread / 256**0.5


def test_the_same_seed_gives_the_same_masks_and_another_others():
    first, again, other = (draw([(100, 7), (33,)], 0.3, seed) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
    torch.manual_seed(0)
    assert not torch.equal(*(dropout_masks([(100, 7)], 0.3, LIKE)[0] for _ in range(2)))


def test_rate_0_keeps_everything():
    assert torch.equal(draw([(50, 3)], 0.0)[0], torch.ones(50, 3))


@pytest.mark.parametrize("shape", [(1,), (31,), (32,), (33,), (3, 0), (2, 5, 7)])
def test_sizes_that_fill_no_whole_word(shape):
    masks = draw([shape, (5,)], 0.5)
    assert [mask.shape for mask in masks] == [torch.Size(shape), torch.Size((5,))]
    assert set(torch.cat([mask.flatten() for mask in masks]).tolist()) <= {0.0, 2.0}


def test_masks_go_where_the_activations_are():
    assert dropout_masks([(4, 2)], 0.5, torch.empty(0, device="meta"))[0].device.type == "meta"


@pytest.mark.parametrize("rate", [0.99999, 0.9999999])
def test_rates_next_to_1_drop_nearly_everything(rate):
    # Such a rate is allowed by the encoders (below 1).
    mask = draw([(1000,)], rate)[0]
    assert mask.isfinite().all()
    assert float(mask.eq(0).double().mean()) > 0.98
