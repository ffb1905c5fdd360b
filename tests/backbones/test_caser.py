"""Caser against the twin on the whole L × d matrix, and what it must not depend on."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backbones import cases
from tests.backbones.cases import (
    DIM,
    TABLE,
    assert_share,
    batch_of,
    caser,
    embeddings,
    encode,
)
from tests.config_runs import composed
from tests.losses.cases import relative_error
from tests.reference_models import ReferenceCaser
from uniseq.backbones import Caser
from uniseq.batch import Histories
from uniseq.config.check import check_config
from uniseq.errors import ConfigError, UniseqError

ALL_POSITIONS = pytest.mark.parametrize("all_positions", [False, True], ids=["last", "all"])
EXAMPLES = settings(max_examples=12)
HISTORY = st.lists(st.integers(0, 8), min_size=1, max_size=24)
OTHERS = st.lists(HISTORY, max_size=5)
# Fewer items than the shortest history to more than the longest, over several capacities.
MODULES = {length: caser(length=length).double() for length in (1, 5, 20, 40)}
LENGTH = pytest.mark.parametrize("length", list(MODULES))


def assert_twins(module, lengths, *, all_positions, **options):
    def twin_of(parameters):
        twin = ReferenceCaser(module, parameters)

        def vectors(history, row):
            user = None if module.user is None else row
            return twin(history, user) if all_positions else twin.vector(history, user)[None]

        return vectors

    cases.assert_twins(module, twin_of, lengths, all_positions=all_positions, **options)


def close(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-12)


# ---------------------------------------------------------------------------- the twin


@ALL_POSITIONS
@pytest.mark.parametrize("relu", [False, True], ids=["linear", "relu"])
@pytest.mark.parametrize("users", [None, 7], ids=["", "users"])
@pytest.mark.parametrize("length", [1, 4, 7])
def test_values_and_gradients_are_the_twins(length, users, relu, all_positions):
    module = caser(length=length, users=users, relu=relu).double()
    assert_twins(module, [3, 1, 6, 2, 5], all_positions=all_positions)


@pytest.mark.parametrize(
    ("length", "lengths", "all_positions"),
    [
        (8, [8, 9, 7], False),
        (9, [8, 9, 10], False),
        (12, [2, 9], True),
        (18, [17, 16, 18], False),
        (20, [2, 25, 9], False),
        (20, [4, 2], True),
        (40, [1, 35, 9], False),
        (40, [2], True),
    ],
)
def test_windows_of_several_capacities(length, lengths, all_positions):
    module = caser(length=length, horizontal=1, vertical=1).double()
    assert_twins(module, lengths, all_positions=all_positions)


@ALL_POSITIONS
def test_in_float32_they_are_the_twins_to_its_rounding(all_positions):
    assert_twins(caser(), [3, 1, 6, 2, 5], all_positions=all_positions, tolerance=1e-5)


@ALL_POSITIONS
def test_a_fresh_encoder_is_the_twin_too(all_positions):
    torch.manual_seed(0)
    module = Caser(dim=DIM, horizontal=3, users=3).double().eval()
    assert_twins(module, [3, 1, 6], all_positions=all_positions)


def test_one_number_by_hand():
    """d = 1, L = 2, one filter a height, on the single item 3 and the matrix (0, 3)."""
    module = Caser(dim=1, length=2, horizontal=1, vertical=1).eval()
    with torch.no_grad():
        module.filters(1).fill_(-1)  # of 0.5 on the zero and -2.5 on the item: 0.5
        module.filters(2).copy_(torch.tensor([[[10.0]], [[2.0]]]))  # 10·0 + 2·3 - 1 = 5
        module.horizontal_bias.copy_(torch.tensor([[0.5], [-1.0]]))
        module.vertical.copy_(torch.tensor([[7.0, 4.0]]))  # 7·0 + 4·3 = 12
        module.out.weight.copy_(torch.tensor([[100.0, 10.0, 1.0]]))
        module.out.bias.fill_(0.25)
        vector = module(batch_of([1]), torch.tensor([[3.0]]))
    assert vector.item() == pytest.approx(100 * 0.5 + 10 * 5 + 12 + 0.25)


@pytest.mark.parametrize("bias", [-0.7, 0.0, 0.7])
@LENGTH
def test_positions_on_nothing_but_zeros_count(length, bias):
    """All weights negative on positive items: where zeros are alone, the bias is the largest."""
    module = caser(length=length)
    with torch.no_grad():
        module.horizontal.fill_(-1.0)
        module.horizontal_bias.fill_(bias)
    module.double()
    seen = []
    module.out.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    encode(module, [[0] * n for n in (1, 3, 8, 9, 30)], table=torch.ones_like(TABLE))
    for features, count in zip(seen[0], (1, 3, 8, 9, 30), strict=True):
        for height in range(1, length + 1):
            alone = length - min(count, length) >= height
            fewest = 0 if alone else max(1, height - (length - min(count, length)))
            expected = max(bias - DIM * fewest, 0)
            filters = features[3 * (height - 1) : 3 * height]
            assert filters.tolist() == pytest.approx([expected] * 3)


# ---------------------------------------------------------------------------- invariance


@LENGTH
@given(HISTORY, OTHERS, OTHERS)
@EXAMPLES
def test_a_history_does_not_depend_on_its_batch(length, history, before, after):
    module, together = MODULES[length], [*before, history, *after]
    close(encode(module, together)[len(before)], encode(module, [history])[0])
    begin = sum(map(len, before))
    every = encode(module, together, all_positions=True)[begin : begin + len(history)]
    close(every, encode(module, [history], all_positions=True))


@LENGTH
@given(st.data(), st.lists(HISTORY, min_size=2, max_size=7))
@EXAMPLES
def test_reordered_histories_give_reordered_vectors(length, data, histories):
    order = data.draw(st.permutations(range(len(histories))))
    module = MODULES[length]
    close(encode(module, [histories[b] for b in order]), encode(module, histories)[order])


@LENGTH
@given(st.lists(HISTORY, min_size=1, max_size=5))
@EXAMPLES
def test_each_position_is_the_vector_of_the_prefix_that_ends_there(length, histories):
    module = MODULES[length]
    prefixes = [history[: end + 1] for history in histories for end in range(len(history))]
    every = encode(module, histories, all_positions=True)
    close(every, encode(module, prefixes))
    ends = torch.tensor([len(history) for history in histories]).cumsum(0) - 1
    close(encode(module, histories), every[ends])


@LENGTH
@given(HISTORY, HISTORY)
@EXAMPLES
def test_items_before_the_last_ones_do_not_matter(length, older, recent):
    module = MODULES[length]
    if len(recent) >= length:
        close(encode(module, [older + recent]), encode(module, [recent]))
        assert torch.equal(encode(module, [recent]), encode(module, [recent[-length:]]))


def test_gradients_stay_within_a_history_and_its_window():
    batch = batch_of([2, 6, 3])
    embedded = embeddings(batch).requires_grad_()
    caser(length=3)(batch, embedded, all_positions=True)[5].sum().backward()
    reached = (embedded.grad.abs().amax(-1) > 0).nonzero().flatten().tolist()
    assert reached == [3, 4, 5]


def test_an_item_that_is_not_a_number_spoils_no_other_history():
    batch, module = batch_of([2, 4, 3]), caser(length=10)
    embedded = embeddings(batch)
    expected = module(batch, embedded)
    embedded[2:6] = torch.nan
    actual = module(batch, embedded)
    assert actual[1].isnan().all()
    torch.testing.assert_close(actual[[0, 2]], expected[[0, 2]])


# ---------------------------------------------------------------------------- users


def with_users(histories, users):
    return replace(Histories.from_histories(histories), users=torch.tensor(users))


@ALL_POSITIONS
def test_a_vector_is_its_user_s(all_positions):
    module = caser(users=6).double()
    histories = [[1, 2], [3], [1, 2], [4, 5, 6]]
    batch = with_users(histories, [5, 0, 2, 5])
    actual = module(batch, TABLE[batch.items], all_positions=all_positions)
    twin = ReferenceCaser(module)
    encoded = [
        twin(TABLE[history], user) for history, user in zip(histories, [5, 0, 2, 5], strict=True)
    ]
    expected = torch.cat([v if all_positions else v[-1:] for v in encoded])
    close(actual, expected)
    first = slice(0, 2) if all_positions else slice(0, 1)
    third = slice(3, 5) if all_positions else slice(2, 3)
    assert (actual[first] - actual[third]).norm() > 0.1


def test_only_the_users_of_the_batch_learn():
    module = caser(users=6)
    batch = with_users([[1, 2], [3]], [5, 2])
    module(batch, embeddings(batch)).square().sum().backward()
    assert (module.user.weight.grad.abs().amax(-1) > 0).nonzero().flatten().tolist() == [2, 5]


@ALL_POSITIONS
@pytest.mark.parametrize("users", [[6, 0], [0, 7]])
def test_a_user_without_embedding_is_refused(users, all_positions):
    module = caser(users=6)
    batch = with_users([[1, 2], [3]], users)
    with pytest.raises(ValueError, match=f"user row {max(users)} has no embedding.*users is 6"):
        module(batch, embeddings(batch), all_positions=all_positions)


# ---------------------------------------------------------------------------- dropout

MANY = batch_of([1] * 200 + [4] * 60 + [9] * 30)


@ALL_POSITIONS
def test_training_without_dropout_is_evaluation(all_positions):
    module, embedded = caser(dropout=0.0), embeddings(MANY)
    evaluated = module(MANY, embedded, all_positions=all_positions)
    trained = module.train()(MANY, embedded, all_positions=all_positions)
    assert torch.equal(trained, evaluated)


@ALL_POSITIONS
@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_the_share_of_features_that_is_dropped(rate, all_positions):
    module, embedded = caser(dropout=rate), embeddings(MANY)
    seen = []
    module.out.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    torch.manual_seed(0)
    with torch.no_grad():
        module(MANY, embedded, all_positions=all_positions)
        module.train()(MANY, embedded, all_positions=all_positions)
    before, after = seen
    assert before.shape == after.shape == (710 if all_positions else 290, 5 * 3 + 2 * DIM)
    usable = before.abs() > 1e-3
    assert_share((after / before)[usable], rate)


def test_two_passes_differ_in_training_alone_and_a_seed_repeats_them():
    module, embedded = caser(dropout=0.5), embeddings(MANY)
    assert torch.equal(module(MANY, embedded), module(MANY, embedded))
    module.train()
    drawn = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        drawn.append(module(MANY, embedded))
    assert torch.equal(drawn[0], drawn[1])
    assert (drawn[0] - drawn[2]).norm() > 0.1 * drawn[0].norm()


def test_dropout_leaves_the_expectation():
    """The vector is linear in the features."""
    module = caser(dropout=0.5)
    batch = batch_of([2] * 20000)
    embedded = embeddings(batch)[:2].repeat(20000, 1)
    with torch.no_grad():
        expected = module(batch, embedded)[0]
        torch.manual_seed(0)
        drawn = module.train()(batch, embedded)
    standard_error = drawn.std(0) / len(drawn) ** 0.5
    assert ((drawn.mean(0) - expected).abs() < 5 * standard_error).all()
    assert (standard_error > 0).all()


@ALL_POSITIONS
@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_training_under_bfloat16_autocast(rate, all_positions):
    module = caser(dropout=rate, users=3, length=10).train()
    batch = batch_of([3, 1, 9])
    embedded = embeddings(batch).requires_grad_()
    inputs = [embedded, *module.parameters()]
    torch.manual_seed(0)
    expected = module(batch, embedded, all_positions=all_positions)
    expected_grads = torch.autograd.grad(expected.sum(), inputs)
    torch.manual_seed(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        actual = module(batch, embedded, all_positions=all_positions)
    grads = torch.autograd.grad(actual.float().sum(), inputs)
    assert relative_error(actual.detach(), expected.detach()) < 0.05
    assert all(grad.isfinite().all() for grad in grads)
    # Another of two nearly equal values can be the largest: bounded together, not one by one.
    whole, expected_whole = (torch.cat([g.flatten() for g in x]) for x in (grads, expected_grads))
    assert relative_error(whole, expected_whole) < 0.2


# ---------------------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("options", "key", "says"),
    [
        ({"dim": 0}, "dim", "at least 1, not 0"),
        ({"length": 0}, "length", "at least 1"),
        ({"horizontal": 0}, "horizontal", "at least 1"),
        ({"vertical": -1}, "vertical", "not -1"),
        ({"users": 0}, "users", "at least 1"),
        ({"dropout": 1.0}, "dropout", "below 1"),
        ({"dropout": -0.1}, "dropout", "not -0.1"),
    ],
)
def test_options_that_cannot_work_are_refused_by_name(options, key, says):
    with pytest.raises(ConfigError) as error:
        Caser(**options)
    assert error.value.key == key
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("+backbone.heads=2", "backbone.heads: there is no such key"),
        ("+backbone.layers=2", "backbone.layers: there is no such key"),
        ("+backbone.max_length=5", "backbone.max_length: there is no such key"),
        ("backbone.users=all", "backbone.users: must be an integer or null, not 'all'"),
        ("backbone.relu=1", "backbone.relu: must be true or false, not 1"),
    ],
)
def test_the_config_check_names_the_key(override, says):
    with pytest.raises(UniseqError) as error:
        check_config(composed(["backbone=caser", override]))
    assert str(error.value).startswith(says)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("users", [None, 10])
def test_the_number_of_parameters(users):
    d, length, n_h, n_v = 16, 5, 4, 2
    module = Caser(dim=d, length=length, horizontal=n_h, vertical=n_v, users=users)
    filters = n_h * d * (1 + 2 + 3 + 4 + 5) + n_h * length + n_v * length
    expected = filters + (length * n_h + n_v * d) * d + d
    expected += 0 if users is None else users * d + 2 * d * d + d
    assert sum(p.numel() for p in module.parameters()) == expected


def test_fresh_parameters_are_seeded():
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        drawn.append(dict(Caser(dim=16, users=4).named_parameters()))
    for name, parameter in drawn[0].items():
        assert torch.equal(parameter, drawn[1][name])
        assert torch.equal(parameter, drawn[2][name]) == bool(parameter.eq(0).all())
        assert name.endswith("bias") or parameter.std() > 0


def test_vectors_behind_a_relu_are_not_negative():
    histories = [[n % 9, (n * n) % 9] for n in range(30)]
    assert encode(caser(relu=True).double(), histories).min() == 0
    assert encode(caser(relu=False).double(), histories).min() < 0


def test_a_state_dict_brings_the_same_vectors_to_another_module():
    batch = batch_of([3, 1, 6])
    embedded = embeddings(batch)
    source, target = caser(seed=0, users=3), caser(seed=1, users=3)
    expected = source(batch, embedded)
    assert (target(batch, embedded) - expected).norm() > 0.1
    target.load_state_dict(source.state_dict())
    assert torch.equal(target(batch, embedded), expected)
    assert set(source.state_dict()) == {name for name, _ in source.named_parameters()}


def test_double_and_back():
    batch, module = batch_of([3, 1, 6]), caser(users=3)
    single = module(batch, embeddings(batch), all_positions=True)
    double = module.double()(batch, embeddings(batch, dtype=torch.float64), all_positions=True)
    assert double.dtype == torch.float64
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-5)
    back = module.float()(batch, embeddings(batch), all_positions=True)
    assert torch.equal(back, single)


@ALL_POSITIONS
@pytest.mark.parametrize("length", [5, 20])
def test_shapes_on_the_meta_device(length, all_positions):
    module = Caser(dim=DIM, length=length).to("meta").train()
    batch = batch_of([3, 1, 12])
    embedded = embeddings(batch).to("meta").requires_grad_()
    out = module(batch, embedded, all_positions=all_positions)
    assert out.shape == (16 if all_positions else 3, DIM)
    assert out.device.type == "meta"
    out.sum().backward()
    assert embedded.grad.shape == (16, DIM)
