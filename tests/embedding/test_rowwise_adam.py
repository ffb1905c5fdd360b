"""RowwiseAdam against the library's dense Adam: the same numbers, from the rows touched alone."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from uniseq.embedding.rowwise_adam import RowwiseAdam
from uniseq.embedding.table import Table

ROWS, DIM = 30, 4


class Pair:
    """A table under RowwiseAdam, and its twin under the library's."""

    def __init__(self, rows=ROWS, dtype=torch.float64, lr=3e-3, **options):
        torch.manual_seed(0)
        self.table = Table(rows, DIM, std=0.02).to(dtype)
        self.dense = nn.Parameter(self.table.weight.detach().clone())
        self.ours = RowwiseAdam(self.table.parameters(), lr=lr, **options)
        self.theirs = torch.optim.Adam([self.dense], lr=lr, **options)
        self.table.follow(self.ours)

    def step(self, ids, factors):
        """One step on Σ factors · row; the rows read must agree before it."""
        self.ours.zero_grad()
        self.theirs.zero_grad()
        read, expected = self.table(ids), F.embedding(ids, self.dense)
        self.close(read, expected)
        (read * factors).sum().backward()
        (expected * factors).sum().backward()
        self.ours.step()
        self.theirs.step()

    def train(self, steps, seed=0, scale=2.0):
        rng = np.random.default_rng(seed)
        for _ in range(steps):
            # A few popular rows, and many that are seldom read.
            ids = torch.from_numpy((rng.random(5) ** 3 * len(self.dense)).astype(np.int64))
            sizes = 10 ** (scale * (rng.random((5, DIM)) - 1))
            factors = torch.from_numpy(rng.normal(size=(5, DIM)) * sizes)
            self.step(ids, factors.to(self.dense.dtype))

    def close(self, actual, expected):
        exact = self.dense.dtype == torch.float64
        tolerance = {"rtol": 0, "atol": 1e-11} if exact else {"rtol": 1e-5, "atol": 1e-6}
        torch.testing.assert_close(actual, expected, **tolerance)

    def assert_equal(self):
        self.close(self.table.weight, self.dense)
        ours, theirs = (o.state_dict()["state"][0] for o in (self.ours, self.theirs))
        assert list(ours) == list(theirs)
        for key in ours:
            torch.testing.assert_close(ours[key], theirs[key], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.9), (0.95, 0.98), (0.0, 0.9)])
def test_it_is_dense_adam(betas):
    pair = Pair(betas=betas)
    pair.train(150)
    pair.assert_equal()


def test_in_float32_to_its_rounding():
    pair = Pair(dtype=torch.float32)
    pair.train(150)
    pair.close(pair.table.weight, pair.dense)


def test_rows_rest_longer_than_momentum_lasts():
    pair = Pair(rows=3)
    pair.step(torch.tensor([0, 1, 2]), torch.ones(3, DIM, dtype=torch.float64))
    for step in range(600):
        pair.step(torch.tensor([1]), torch.full((1, DIM), 1.0 + step % 3, dtype=torch.float64))
    pair.assert_equal()


def test_gradients_as_small_as_epsilon_deviate_by_a_hundredth_of_a_step():
    pair = Pair()
    pair.close = lambda actual, expected: torch.testing.assert_close(
        actual, expected, rtol=0, atol=0.01 * 3e-3
    )
    pair.train(200, scale=10.0)
    pair.close(pair.table.weight, pair.dense)


def test_the_learning_rate_may_change():
    pair = Pair()
    for number in range(40):
        for optimizer in (pair.ours, pair.theirs):
            optimizer.param_groups[0]["lr"] = 1e-3 * (1 + number % 7)
        pair.train(5, seed=number)
    pair.assert_equal()


@given(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=6), min_size=1, max_size=25))
@settings(max_examples=40, deadline=None)
def test_whatever_is_read_when(batches):
    pair = Pair(rows=6)
    for number, ids in enumerate(batches):
        factors = torch.linspace(-1, 2, len(ids) * DIM, dtype=torch.float64).view(-1, DIM)
        pair.step(torch.tensor(ids), factors + number)
        if number % 5 == 3:
            pair.close(pair.table.weight, pair.dense)
    pair.assert_equal()


def test_one_step_by_hand():
    """The first step moves by lr, the one it misses by lr·m̂/√v̂ of the decayed moments."""
    table = Table(2, 1, std=1.0).double()
    optimizer = RowwiseAdam(table.parameters(), lr=0.1, betas=(0.5, 0.5), eps=0.0)
    table.follow(optimizer)
    start = table.weight[0].item()
    for row in (0, 1):
        optimizer.zero_grad()
        (2.0 * table(torch.tensor([row]))).sum().backward()
        optimizer.step()
    first = 0.1  # m̂ = 2, v̂ = 4
    second = 0.1 * (0.5 / 0.75) / (1.0 / 0.75) ** 0.5  # m = 1 / 2, v = 2 / 2
    assert table.stored[0].item() == pytest.approx(start - first)
    assert table.weight[0].item() == pytest.approx(start - first - second)


def test_only_the_rows_read_are_touched_until_somebody_looks():
    pair = Pair()
    pair.step(torch.tensor([3, 4]), torch.ones(2, DIM, dtype=torch.float64))
    before = pair.table.stored.detach().clone()
    pair.step(torch.tensor([7]), torch.ones(1, DIM, dtype=torch.float64))
    changed = (pair.table.stored != before).any(1).nonzero().flatten().tolist()
    assert changed == [7]
    behind = (pair.dense[[3, 4]] - pair.table.stored[[3, 4]]).abs().min()
    assert behind > 1e-4
    pair.assert_equal()


def test_looking_in_evaluation_or_at_the_state_dict_sees_rows_up_to_date():
    for look in (
        lambda table: table(torch.arange(ROWS)),
        lambda table: table.state_dict()["weight"],
        lambda table: nn.Sequential(table).state_dict()["0.weight"],
    ):
        pair = Pair()
        pair.train(20)
        with torch.no_grad():
            pair.close(look(pair.table), pair.dense)


def test_two_readings_a_step_and_accumulated_gradients():
    pair = Pair()
    for number in range(30):
        pair.ours.zero_grad()
        pair.theirs.zero_grad()
        for part in range(2):
            first, second = torch.tensor([number % 7, 9]), torch.tensor([9, part, 20])
            ours = pair.table(first).sum() + 2 * pair.table(second).pow(2).sum()
            theirs = (
                F.embedding(first, pair.dense).sum()
                + 2 * F.embedding(second, pair.dense).pow(2).sum()
            )
            ours.backward()
            theirs.backward()
        pair.ours.step()
        pair.theirs.step()
    pair.assert_equal()


def test_a_dense_gradient_between_sparse_ones():
    pair = Pair()
    pair.train(10)
    pair.ours.zero_grad()
    pair.theirs.zero_grad()
    pair.table.weight.square().sum().backward()
    pair.dense.square().sum().backward()
    pair.ours.step()
    pair.theirs.step()
    pair.train(10, seed=1)
    pair.assert_equal()


def test_a_step_without_a_gradient_is_none():
    pair = Pair()
    pair.train(5)
    pair.ours.zero_grad()
    pair.ours.step()
    pair.train(5, seed=1)
    pair.assert_equal()


def test_training_goes_on_from_a_state_dict():
    whole, resumed = Pair(), Pair()
    for pair in (whole, resumed):
        pair.train(40)
    kept = copy.deepcopy(resumed.ours.state_dict())
    weights = copy.deepcopy(resumed.table.state_dict())
    resumed.train(15, seed=5)  # thrown away
    resumed.ours.load_state_dict(kept)
    resumed.table.load_state_dict(weights)
    resumed.dense = whole.dense
    resumed.theirs = whole.theirs
    resumed.train(40, seed=1)
    resumed.assert_equal()


def test_loading_into_a_table_is_not_moved_by_what_its_rows_missed():
    pair = Pair()
    pair.train(20)
    pair.table.load_state_dict({"weight": torch.ones(ROWS, DIM)})
    assert torch.equal(pair.table.weight, torch.ones(ROWS, DIM, dtype=torch.float64))


def test_not_following_it_is_an_embedding():
    table = Table(ROWS, DIM, std=0.02)
    ids = torch.tensor([1, 5, 1])
    table(ids).sum().backward()
    expected = torch.zeros(ROWS, DIM)
    expected[1], expected[5] = 2.0, 1.0
    assert torch.equal(table.weight.grad, expected)
    assert table.weight is table.stored
    pair = Pair()
    pair.train(20)
    pair.table.follow(None)
    pair.close(pair.table.stored, pair.dense)
    pair.table(ids).sum().backward()
    assert not pair.table.weight.grad.is_sparse


def test_other_parameters_take_the_librarys_step():
    torch.manual_seed(0)
    layers = [nn.Linear(3, 2) for _ in range(2)]
    layers[1].load_state_dict(layers[0].state_dict())
    optimizers = [RowwiseAdam(layers[0].parameters()), torch.optim.Adam(layers[1].parameters())]
    for number in range(5):
        for layer, optimizer in zip(layers, optimizers, strict=True):
            optimizer.zero_grad()
            layer(torch.full((4, 3), float(number))).square().sum().backward()
            optimizer.step()
    for ours, theirs in zip(*(layer.parameters() for layer in layers), strict=True):
        assert torch.equal(ours, theirs)
