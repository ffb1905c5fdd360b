import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.references import inner_products, masked_and_unmasked_rank
from uniseq.ranking import ranks as ranks_module
from uniseq.ranking.ranks import Ranks, join_ranks, rank_scores, rank_targets

NOTHING = torch.empty(0, dtype=torch.long)


@st.composite
def small_cases(draw):
    """Integer vectors, few enough values that ties are common; (histories, items, targets, seen)"""
    users, count, dim = draw(st.integers(1, 5)), draw(st.integers(1, 8)), draw(st.integers(1, 3))
    vector = st.lists(st.integers(-2, 2), min_size=dim, max_size=dim)
    items = draw(st.lists(vector, min_size=count, max_size=count))
    histories = draw(st.lists(vector, min_size=users, max_size=users))
    item = st.integers(0, count - 1)
    targets = draw(st.lists(item, min_size=users, max_size=users))
    seen = draw(st.lists(st.sets(item), min_size=users, max_size=users))
    return histories, items, targets, seen


def flat(seen):
    pairs = [(row, item) for row, items in enumerate(seen) for item in items]
    rows, items = torch.tensor(pairs, dtype=torch.long).view(-1, 2).unbind(1)
    return rows, items


def as_pairs(ranks):
    assert ranks.masked.dtype == ranks.unmasked.dtype == torch.long
    return list(zip(ranks.masked.tolist(), ranks.unmasked.tolist(), strict=True))


def expected_ranks(scores, targets, seen):
    return [
        masked_and_unmasked_rank(row, target, own)
        for row, target, own in zip(scores, targets, seen, strict=True)
    ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(small_cases())
def test_rank_targets_agrees_with_a_slow_loop(dtype, case):
    histories, items, targets, seen = case
    found = rank_targets(
        torch.tensor(histories, dtype=dtype),
        torch.tensor(items, dtype=dtype),
        torch.tensor(targets),
        *flat(seen),
    )
    expected = expected_ranks(inner_products(histories, items), targets, seen)
    assert as_pairs(found) == expected


@given(small_cases())
def test_rank_scores_agrees_with_a_slow_loop(case):
    histories, items, targets, seen = case
    scores = inner_products(histories, items)
    found = rank_scores(torch.tensor(scores), torch.tensor(targets), *flat(seen))
    assert as_pairs(found) == expected_ranks(scores, targets, seen)


@given(small_cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_items_does_not_matter(case, random):
    histories, items, targets, seen = case
    place = list(range(len(items)))
    random.shuffle(place)  # item i moves to place[i]
    moved = [items[place.index(row)] for row in range(len(items))]
    before, after = (
        rank_targets(
            torch.tensor(histories, dtype=torch.float32),
            torch.tensor(rows, dtype=torch.float32),
            torch.tensor([to[target] for target in targets]),
            *flat([{to[item] for item in own} for own in seen]),
        )
        for rows, to in ((items, list(range(len(items)))), (moved, place))
    )
    assert as_pairs(before) == as_pairs(after)


def random_case(users=50, count=300, dim=16, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    histories = torch.randn(users, dim, generator=generator, dtype=dtype)
    items = torch.randn(count, dim, generator=generator, dtype=dtype)
    targets = torch.randint(count, (users,), generator=generator)
    seen = torch.rand(users, count, generator=generator) < 0.1
    return histories, items, targets, *seen.nonzero(as_tuple=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rank_targets_agrees_with_rank_scores_of_the_matrix_product(dtype):
    histories, items, targets, rows, seen = random_case(dtype=dtype)
    streamed = rank_targets(histories, items, targets, rows, seen)
    whole = rank_scores(histories.double() @ items.double().T, targets, rows, seen)
    assert as_pairs(streamed) == as_pairs(whole)
    assert (streamed.masked == 301).any()
    assert (streamed.masked < streamed.unmasked).any()


@pytest.mark.parametrize(("users", "count"), [(7, 11), (1, 50), (50, 300), (49, 299)])
def test_the_size_of_the_blocks_does_not_matter(monkeypatch, users, count):
    case = random_case()
    expected = as_pairs(rank_targets(*case))
    monkeypatch.setattr(ranks_module, "USERS", users)
    monkeypatch.setattr(ranks_module, "ITEMS", count)
    assert as_pairs(rank_targets(*case)) == expected


def test_more_users_and_items_than_a_block_holds():
    users, count = ranks_module.USERS + 3, 2 * (ranks_module.USERS + ranks_module.ITEMS) + 5
    # Item i scores i for everybody: the rank of target t is N - t.
    histories, items = torch.ones(users, 1), torch.arange(count, dtype=torch.float32)[:, None]
    targets = torch.arange(users) * 2
    found = rank_targets(histories, items, targets, torch.tensor([1]), torch.tensor([count - 1]))
    assert found.unmasked.tolist() == [count - 2 * user for user in range(users)]
    assert (found.unmasked - found.masked).tolist() == [0, 1] + [0] * (users - 2)


def test_ranks_by_hand():
    scores = torch.tensor([[0.3, 0.9, 0.5, 0.5, 0.1]] * 4)
    targets = torch.tensor([1, 2, 4, 0])
    rows, items = torch.tensor([1, 1, 2, 3, 3]), torch.tensor([1, 3, 0, 0, 1])
    # User 1: items 1, 2, 3 reach .5, and both others are seen. User 3 has had the target.
    assert as_pairs(rank_scores(scores, targets, rows, items)) == [(1, 1), (1, 3), (4, 5), (6, 4)]


@pytest.mark.parametrize("value", [0.0, 0.1, -3.7])
@pytest.mark.parametrize("dim", [1, 64])
def test_a_constant_scorer_ranks_every_target_last(value, dim):
    histories, items = torch.full((3, dim), value), torch.full((2000, dim), 0.3)
    rows, seen = torch.tensor([0, 0, 2]), torch.tensor([5, 6, 9])
    found = rank_targets(histories, items, torch.tensor([0, 1, 9]), rows, seen)
    assert as_pairs(found) == [(1998, 2000), (2000, 2000), (2001, 2000)]


def test_zero_vectors_tie_with_each_other_only():
    items = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [-1.0, 0.0]])
    histories = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    found = rank_targets(histories, items, torch.tensor([0, 1]), NOTHING, NOTHING)
    assert found.unmasked.tolist() == [3, 4]


@pytest.mark.parametrize("dim", [8, 64, 256])
def test_copies_of_the_target_count_against_it_despite_rounding(dim):
    histories, items, targets, *_ = random_case(count=100, dim=dim)
    alone = rank_targets(histories, items, targets, NOTHING, NOTHING).unmasked
    copied = rank_targets(histories, items.repeat(3, 1), targets, NOTHING, NOTHING).unmasked
    assert copied.tolist() == (3 * alone).tolist()


def test_a_target_that_was_had_before_is_below_every_item():
    # It is the best of three, and no other item was seen.
    found = rank_scores(
        torch.tensor([[9.0, 1.0, 2.0]]), torch.tensor([0]), torch.tensor([0]), torch.tensor([0])
    )
    assert as_pairs(found) == [(4, 1)]


def test_a_better_item_of_another_users_history_stays():
    scores = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    found = rank_scores(scores, torch.tensor([0, 0]), torch.tensor([1, 1]), torch.tensor([1, 2]))
    assert as_pairs(found) == [(3, 3), (1, 3)]


@pytest.mark.parametrize("scale", [2.0**-20, 2.0**20])
def test_the_length_of_the_history_vectors_does_not_matter(scale):
    histories, *rest = random_case()
    assert as_pairs(rank_targets(scale * histories, *rest)) == as_pairs(
        rank_targets(histories, *rest)
    )


def test_joined_ranks_are_those_of_all_users_at_once():
    histories, items, targets, *_ = random_case(users=10)
    parts = [
        rank_targets(histories[part], items, targets[part], NOTHING, NOTHING)
        for part in (slice(0, 4), slice(4, 5), slice(5, 10))
    ]
    whole = rank_targets(histories, items, targets, NOTHING, NOTHING)
    assert as_pairs(join_ranks(parts)) == as_pairs(whole)
    assert isinstance(join_ranks(parts), Ranks)


def test_no_user_has_no_rank():
    nobody = rank_targets(torch.empty(0, 4), torch.ones(3, 4), NOTHING, NOTHING, NOTHING)
    assert as_pairs(nobody) == []


def test_ranking_leaves_its_inputs_and_their_gradients_alone():
    histories, items, *rest = random_case(users=3)
    before = histories.clone(), items.clone()
    found = rank_targets(histories.requires_grad_(), items.requires_grad_(), *rest)
    assert not found.masked.requires_grad
    assert torch.equal(histories, before[0])
    assert torch.equal(items, before[1])


@given(small_cases(), st.integers(1, 8))
def test_to_a_depth_ranks_are_exact_and_bounds_beyond_it(case, depth):
    histories, items, targets, seen = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranks_module, "ITEMS", 1)  # a history may be left alone after 1, 2, 4 items
        found = rank_targets(
            torch.tensor(histories, dtype=torch.float32),
            torch.tensor(items, dtype=torch.float32),
            torch.tensor(targets),
            *flat(seen),
            depth=depth,
        )
    expected = expected_ranks(inner_products(histories, items), targets, seen)
    for actual, true in zip(as_pairs(found), expected, strict=True):
        for bound, rank in zip(actual, true, strict=True):
            assert bound == rank or depth < rank <= bound


def test_to_a_depth_most_products_are_saved():
    generator = torch.Generator().manual_seed(0)
    histories = torch.randn(100, 8, generator=generator)
    items = torch.randn(64 * ranks_module.ITEMS, 8, generator=generator)
    targets = torch.randint(len(items), (100,), generator=generator)
    products = []

    class Counting(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            if function is torch.Tensor.matmul:
                products.append(len(args[0]) * args[1].shape[1])
            return super().__torch_function__(function, types, args, kwargs or {})

    def rank(depth):
        products.clear()
        seen = torch.arange(100).repeat_interleave(3), torch.randint(len(items), (300,))
        rank_targets(histories.as_subclass(Counting), items, targets, *seen, depth=depth)
        return sum(products)

    everything = rank(None)
    assert everything == 100 * len(items)
    assert 0 < rank(10) < everything / 10


def test_an_item_that_a_history_holds_twice_is_masked_once():
    scores = torch.tensor([[4.0, 3.0, 2.0, 1.0]])
    rows, seen = torch.tensor([0, 0, 0]), torch.tensor([1, 0, 1])
    items, target = scores.T.contiguous(), torch.tensor([2])
    for found in (
        rank_scores(scores, target, rows, seen),
        rank_targets(torch.ones(1, 1), items, target, rows, seen),
        rank_targets(torch.ones(1, 1), items, target, rows, seen, depth=2),
    ):
        assert as_pairs(found) == [(1, 3)]
