"""GRU4Rec against the twin that goes one token at a time, and what it must not depend on."""

from itertools import pairwise

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
    embeddings,
    encode,
    gru4rec,
)
from tests.config_runs import composed
from tests.losses.cases import relative_error
from tests.reference_models import ReferenceGRU4Rec
from uniseq.backbones import GRU4Rec
from uniseq.backbones import gru4rec as implementation
from uniseq.backbones.gru4rec import PLACES
from uniseq.backbones.kernels.dropout import dropout_masks
from uniseq.config.check import check_config
from uniseq.errors import ConfigError, UniseqError

ALL_POSITIONS = pytest.mark.parametrize("all_positions", [False, True], ids=["last", "all"])
EXAMPLES = settings(max_examples=12)
HISTORY = st.lists(st.integers(0, 8), min_size=1, max_size=20)
OTHERS = st.lists(HISTORY, max_size=5)
MODULE = gru4rec(hidden=5).double()


def assert_twins(module, lengths, **options):
    def twin_of(parameters):
        twin = ReferenceGRU4Rec(module, parameters)
        return lambda history, row: twin(history)

    cases.assert_twins(module, twin_of, lengths, **options)


def close(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-12)


# ---------------------------------------------------------------------------- the twin


@ALL_POSITIONS
@pytest.mark.parametrize("hidden", [None, 3, 12])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_values_and_gradients_are_the_twins(layers, hidden, all_positions):
    module = gru4rec(layers=layers, hidden=hidden).double()
    assert_twins(module, [3, 1, 6, 2, 5], all_positions=all_positions)


@ALL_POSITIONS
@pytest.mark.parametrize("lengths", [[1], [6], [1, 1, 1], [2, 20, 9, 17, 4]], ids=str)
def test_smallest_and_long_batches(lengths, all_positions):
    assert_twins(gru4rec().double(), lengths, all_positions=all_positions)


@ALL_POSITIONS
def test_in_float32_they_are_the_twins_to_its_rounding(all_positions):
    assert_twins(gru4rec(), [3, 1, 6, 2, 5], all_positions=all_positions, tolerance=1e-5)


def test_a_fresh_encoder_is_the_twin_too():
    torch.manual_seed(0)
    module = GRU4Rec(dim=DIM, layers=2, hidden=6).double().eval()
    assert_twins(module, [3, 1, 6], all_positions=True)


# ---------------------------------------------------------------------------- invariance


@given(HISTORY, OTHERS, OTHERS)
@EXAMPLES
def test_a_history_does_not_depend_on_its_batch(history, before, after):
    together = [*before, history, *after]
    close(encode(MODULE, together)[len(before)], encode(MODULE, [history])[0])
    begin = sum(map(len, before))
    every = encode(MODULE, together, all_positions=True)[begin : begin + len(history)]
    close(every, encode(MODULE, [history], all_positions=True))


@given(st.data(), st.lists(HISTORY, min_size=2, max_size=7))
@EXAMPLES
def test_reordered_histories_give_reordered_vectors(data, histories):
    order = data.draw(st.permutations(range(len(histories))))
    close(encode(MODULE, [histories[b] for b in order]), encode(MODULE, histories)[order])


@given(st.lists(HISTORY, min_size=1, max_size=6))
@EXAMPLES
def test_each_position_is_the_vector_of_the_prefix_that_ends_there(histories):
    prefixes = [history[: end + 1] for history in histories for end in range(len(history))]
    every = encode(MODULE, histories, all_positions=True)
    close(every, encode(MODULE, prefixes))
    ends = torch.tensor([len(history) for history in histories]).cumsum(0) - 1
    close(encode(MODULE, histories), every[ends])


def test_gradients_stay_within_a_history_and_its_past():
    batch = batch_of([2, 6, 3])
    embedded = embeddings(batch).requires_grad_()
    gru4rec()(batch, embedded, all_positions=True)[5].sum().backward()
    reached = (embedded.grad.abs().amax(-1) > 0).nonzero().flatten().tolist()
    assert reached == [2, 3, 4, 5]


def test_the_order_of_items_matters():
    forward, swapped = encode(MODULE, [[1, 2, 3], [2, 1, 3]])
    assert (forward - swapped).norm() > 1e-2


# ---------------------------------------------------------------------------- dropout

MANY = batch_of([1] * 300 + [3] * 60)


@ALL_POSITIONS
def test_training_without_dropout_is_evaluation(all_positions):
    module, embedded = gru4rec(dropout=0.0), embeddings(MANY)
    evaluated = module(MANY, embedded, all_positions=all_positions)
    trained = module.train()(MANY, embedded, all_positions=all_positions)
    assert torch.equal(trained, evaluated)


@ALL_POSITIONS
def test_two_passes_differ_in_training_alone(all_positions):
    module, embedded = gru4rec(dropout=0.5), embeddings(MANY)

    def twice():
        return [module(MANY, embedded, all_positions=all_positions) for _ in range(2)]

    assert torch.equal(*twice())
    module.train()
    first, second = twice()
    assert (first - second).norm() > 0.1 * first.norm()
    seeded = []
    for _ in range(2):
        torch.manual_seed(3)
        seeded.append(module(MANY, embedded, all_positions=all_positions))
    assert torch.equal(*seeded)


@ALL_POSITIONS
@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_the_inputs_of_layers_and_projection_are_dropped_apart(rate, all_positions, monkeypatch):
    module, embedded = gru4rec(dropout=rate).train(), embeddings(MANY)
    seen = []
    run = implementation._run

    def watched(layer, x, *rest):
        states = run(layer, x, *rest)
        seen.append((x, states))
        return states

    monkeypatch.setattr(implementation, "_run", watched)
    projected = []
    module.out.register_forward_pre_hook(lambda _, args: projected.append(args[0]))
    torch.manual_seed(0)
    with torch.no_grad():
        module(MANY, embedded, all_positions=all_positions)
    source, place, _, _ = implementation._by_time(MANY.lengths)
    (first, states), (second, last) = seen
    wanted = place if all_positions else place[MANY.offsets[1:].numpy() - 1]
    pairs = [(embedded[source], first), (states, second), (last[wanted], projected[0])]
    for before, after in pairs:
        assert before.shape == after.shape
        usable = before.abs() > 1e-3
        assert_share((after / before)[usable], rate)
    rows = min(len(before) for before, _ in pairs)
    kept = torch.stack([(after != 0)[:rows].flatten().double() for _, after in pairs])
    assert (torch.corrcoef(kept) - torch.eye(3)).abs().max() < 0.1


def ratios(module, embedded, monkeypatch):
    """By place, the share that is dropped of what stands there; each layer's input by itself."""
    seen, projected = [], []
    run = implementation._run

    def watched(layer, x, *rest):
        seen.append((x, run(layer, x, *rest)))
        return seen[-1][1]

    monkeypatch.setattr(implementation, "_run", watched)
    handle = module.out.register_forward_pre_hook(lambda _, args: projected.append(args[0]))
    with torch.no_grad():
        module(MANY, embedded, all_positions=True)
    handle.remove()
    source, place, _, _ = implementation._by_time(MANY.lengths)
    pairs = [(embedded[source], seen[0][0])]
    pairs += [(before[1], after[0]) for before, after in pairwise(seen)]
    pairs.append((seen[-1][1][place], projected[0]))
    return [float((after[before.abs() > 1e-3] == 0).double().mean()) for before, after in pairs]


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("dropout_at", [(), ("input",), ("between",), ("input", "output"), PLACES])
def test_dropout_stands_where_it_is_said_to(dropout_at, layers, monkeypatch):
    module = gru4rec(layers=layers, hidden=6, dropout=0.5, dropout_at=dropout_at).train()
    torch.manual_seed(0)
    wanted = [place in dropout_at for place in ("input", *["between"] * (layers - 1), "output")]
    found = ratios(module, embeddings(MANY), monkeypatch)
    assert found == [pytest.approx(0.5, abs=0.05) if drops else 0 for drops in wanted]


def test_by_default_all_three_places_drop_under_the_same_draw_as_ever():
    embedded, passes = embeddings(MANY), []
    for options in ({}, {"dropout_at": ["input", "between", "output"]}):
        module = gru4rec(**options).train()
        torch.manual_seed(0)
        passes.append(module(MANY, embedded))
    assert torch.equal(*passes)
    assert GRU4Rec().dropout_at == PLACES
    # One draw for the layers' inputs, one for the projection's, whatever comes later.
    torch.manual_seed(0)
    masks = dropout_masks([(480, DIM), (480, DIM)], 0.5, embedded)
    masks += dropout_masks([(360, DIM)], 0.5, embedded)
    source, place, before, sizes = implementation._by_time(MANY.lengths)
    x, previous = embedded[source], torch.from_numpy(before)
    for mask, layer in zip(masks, module.layers, strict=False):
        x = implementation._run(layer, x * mask, previous, sizes)
    ends = place[MANY.offsets[1:].numpy() - 1]
    assert torch.equal(module.out(x[ends] * masks[2]), passes[0])


def test_dropout_before_the_projection_leaves_the_expectation():
    """Layers that do not see their inputs: the vector is linear in the mask."""
    module = gru4rec(dropout=0.5)
    for layer in module.layers:
        torch.nn.init.zeros_(layer.weight_ih_l0)
    batch = batch_of([2] * 20000)
    embedded = embeddings(batch)
    with torch.no_grad():
        expected = module(batch, embedded)[0]
        torch.manual_seed(0)
        drawn = module.train()(batch, embedded)
    standard_error = drawn.std(0) / len(drawn) ** 0.5
    assert ((drawn.mean(0) - expected).abs() < 5 * standard_error).all()
    assert (standard_error > 0).all()


def test_gradients_match_the_dropped_forward_pass():
    module = gru4rec(dropout=0.3).double().train()
    batch = batch_of([3, 1, 4])
    embedded = embeddings(batch, dtype=torch.float64).requires_grad_()
    direction = embeddings(batch, seed=1, dtype=torch.float64)

    def value(x):
        torch.manual_seed(0)
        return module(batch, x, all_positions=True).pow(3).sum()

    slope = (torch.autograd.grad(value(embedded), embedded)[0] * direction).sum()
    step = 1e-5
    with torch.no_grad():
        ahead, behind = value(embedded + step * direction), value(embedded - step * direction)
    assert float(slope) == pytest.approx(float((ahead - behind) / (2 * step)), rel=1e-6)


@ALL_POSITIONS
@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_training_under_bfloat16_autocast(rate, all_positions):
    module = gru4rec(dropout=rate).train()
    batch = batch_of([3, 1, 4])
    embedded = embeddings(batch).requires_grad_()
    inputs = [embedded, *module.parameters()]
    torch.manual_seed(0)
    expected = module(batch, embedded, all_positions=all_positions)
    expected_grads = torch.autograd.grad(expected.pow(3).sum(), inputs)
    torch.manual_seed(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        actual = module(batch, embedded, all_positions=all_positions)
    grads = torch.autograd.grad(actual.float().pow(3).sum(), inputs)
    assert relative_error(actual.detach(), expected.detach()) < 0.05
    assert all(relative_error(a, e) < 0.2 for a, e in zip(grads, expected_grads, strict=True))


# ---------------------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("options", "key", "says"),
    [
        ({"dim": 0}, "dim", "at least 1, not 0"),
        ({"layers": 0}, "layers", "at least 1"),
        ({"hidden": 0}, "hidden", "at least 1, not 0"),
        ({"hidden": -3}, "hidden", "not -3"),
        ({"dropout": 1.0}, "dropout", "below 1"),
        ({"dropout": -0.1}, "dropout", "not -0.1"),
        ({"dropout": float("nan")}, "dropout", "not nan"),
        ({"dropout_at": ["output", "input"]}, "dropout_at", "each once and in this order, not ['o"),
        ({"dropout_at": ["input", "input"]}, "dropout_at", "some of input, between, output"),
        ({"dropout_at": "input"}, "dropout_at", "some of input, between, output"),
    ],
)
def test_options_that_cannot_work_are_refused_by_name(options, key, says):
    with pytest.raises(ConfigError) as error:
        GRU4Rec(**options)
    assert error.value.key == key
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("+backbone.heads=2", "backbone.heads: there is no such key"),
        ("+backbone.max_length=50", "backbone.max_length: there is no such key"),
        ("backbone.hidden=big", "backbone.hidden: must be an integer or null, not 'big'"),
        (
            "backbone.dropout_at=[input,middle]",
            "backbone.dropout_at: must be a list, each one of input, between, output, not ['input'",
        ),
        (
            "backbone.dropout_at=input",
            "backbone.dropout_at: must be a list, each one of input, between, output, not 'input'",
        ),
        ("backbone.layers=1.5", "backbone.layers: must be an integer, not 1.5"),
    ],
)
def test_the_config_check_names_the_key(override, says):
    with pytest.raises(UniseqError) as error:
        check_config(composed(["backbone=gru4rec", override]))
    assert str(error.value).startswith(says)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(("layers", "hidden"), [(1, 16), (3, 16), (2, 5)])
def test_the_number_of_parameters(layers, hidden):
    module = GRU4Rec(dim=16, layers=layers, hidden=hidden)
    inputs = 16 + (layers - 1) * hidden
    of_layers = 3 * hidden * inputs + layers * (3 * hidden * hidden + 6 * hidden)
    assert sum(p.numel() for p in module.parameters()) == of_layers + 16 * hidden + 16


def test_fresh_parameters_are_orthogonal_and_seeded():
    torch.manual_seed(0)
    module = GRU4Rec(dim=32, layers=2, hidden=24)
    for name, parameter in module.named_parameters():
        if "bias" in name:
            assert parameter.eq(0).all()
        elif "weight_hh" in name:
            for gate in parameter.chunk(3):
                torch.testing.assert_close(gate @ gate.T, torch.eye(24), rtol=0, atol=1e-5)
        else:
            bound = (6 / sum(parameter.shape)) ** 0.5
            assert bound * 0.95 < parameter.abs().max() <= bound
    torch.manual_seed(0)
    again = GRU4Rec(dim=32, layers=2, hidden=24)
    assert all(map(torch.equal, module.parameters(), again.parameters()))


def test_a_state_dict_brings_the_same_vectors_to_another_module():
    batch = batch_of([3, 1, 6])
    embedded = embeddings(batch)
    source, target = gru4rec(seed=0), gru4rec(seed=1)
    expected = source(batch, embedded)
    assert (target(batch, embedded) - expected).norm() > 0.1
    target.load_state_dict(source.state_dict())
    assert torch.equal(target(batch, embedded), expected)
    assert set(source.state_dict()) == {name for name, _ in source.named_parameters()}


def test_double_and_back():
    batch, module = batch_of([3, 1, 6]), gru4rec()
    single = module(batch, embeddings(batch), all_positions=True)
    double = module.double()(batch, embeddings(batch, dtype=torch.float64), all_positions=True)
    assert double.dtype == torch.float64
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-5)
    back = module.float()(batch, embeddings(batch), all_positions=True)
    assert torch.equal(back, single)


def test_dropout_in_float64():
    module, batch = gru4rec(dropout=0.5).double().train(), batch_of([3, 1, 6])
    out = module(batch, embeddings(batch, dtype=torch.float64))
    assert out.dtype == torch.float64
    assert out.isfinite().all()


@ALL_POSITIONS
def test_shapes_on_the_meta_device(all_positions):
    module = GRU4Rec(dim=DIM, hidden=5).to("meta").train()
    batch = batch_of([3, 1, 6])
    embedded = embeddings(batch).to("meta").requires_grad_()
    out = module(batch, embedded, all_positions=all_positions)
    assert out.shape == (10 if all_positions else 3, DIM)
    assert out.device.type == "meta"
    out.sum().backward()
    assert embedded.grad.shape == (10, DIM)


def test_inference_mode_and_no_gradient_give_the_same():
    batch, module = batch_of([3, 1, 6]), gru4rec()
    embedded = embeddings(batch)
    expected = module(batch, embedded).detach()
    with torch.inference_mode():
        assert torch.equal(module(batch, embedded), expected)
    assert TABLE.shape == (9, DIM)
