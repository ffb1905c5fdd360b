"""SASRec with LayerNorm before the branches: the twin, invariances, and what stays as it was."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backbones import cases
from tests.backbones.cases import DIM, batch_of, embeddings, encode, sasrec
from tests.losses.cases import relative_error
from tests.reference_models import ReferenceSASRec
from uniseq.backbones import SASRec
from uniseq.errors import ConfigError

EXAMPLES = settings(max_examples=12)
HISTORY = st.lists(st.integers(0, 8), min_size=1, max_size=20)
OTHERS = st.lists(HISTORY, max_size=5)
POSITIONS = pytest.mark.parametrize("positions", ["start", "end"])
ALL_POSITIONS = pytest.mark.parametrize("all_positions", [False, True], ids=["last", "all"])
OPTIONS = pytest.mark.parametrize(
    ("positions", "all_positions"),
    [("start", False), ("start", True), ("end", False)],
    ids=["start-last", "start-all", "end-last"],
)
MODULES = {
    positions: sasrec(max_length=20, positions=positions, norm="pre").double()
    for positions in ("start", "end")
}


def assert_twins(module, lengths, **options):
    def twin_of(parameters):
        twin = ReferenceSASRec(module, parameters)
        return lambda history, row: twin(history)

    cases.assert_twins(module, twin_of, lengths, **options)


def close(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-11)


@OPTIONS
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_values_and_gradients_are_the_twins(layers, positions, all_positions):
    module = sasrec(layers=layers, positions=positions, norm="pre").double()
    assert_twins(module, [3, 1, 6, 2, 5], all_positions=all_positions)


@OPTIONS
def test_in_float32_they_are_the_twins_to_its_rounding(positions, all_positions):
    module = sasrec(positions=positions, norm="pre")
    assert_twins(module, [3, 1, 6, 2, 5], all_positions=all_positions, tolerance=2e-5)


@ALL_POSITIONS
def test_histories_of_several_bin_capacities(all_positions):
    module = sasrec(heads=4, max_length=20, norm="pre").double()
    assert_twins(module, [2, 18, 9], all_positions=all_positions)


@given(HISTORY, OTHERS, OTHERS)
@EXAMPLES
@POSITIONS
def test_a_history_does_not_depend_on_its_batch(positions, history, before, after):
    module, together = MODULES[positions], [*before, history, *after]
    close(encode(module, together)[len(before)], encode(module, [history])[0])


@given(st.lists(HISTORY, min_size=1, max_size=5))
@EXAMPLES
def test_each_position_is_the_vector_of_the_prefix_that_ends_there(histories):
    module = MODULES["start"]
    prefixes = [history[: end + 1] for history in histories for end in range(len(history))]
    every = encode(module, histories, all_positions=True)
    close(every, encode(module, prefixes))
    ends = torch.tensor([len(history) for history in histories]).cumsum(0) - 1
    close(encode(module, histories), every[ends])


def test_gradients_stay_within_a_history_and_its_past():
    batch = batch_of([2, 6, 3])
    embedded = embeddings(batch).requires_grad_()
    sasrec(norm="pre")(batch, embedded, all_positions=True)[5].sum().backward()
    reached = (embedded.grad.abs().amax(-1) > 0).nonzero().flatten().tolist()
    assert reached == [2, 3, 4, 5]


@ALL_POSITIONS
def test_without_branches_only_the_norm_at_the_end_is_left(all_positions):
    module, batch = sasrec(norm="pre"), batch_of([3, 1])
    with torch.no_grad():
        for block in module.blocks:
            for layer in (block.out, block.down):
                layer.weight.zero_()
                layer.bias.zero_()
        module.position.weight.zero_()
        embedded = embeddings(batch)
        vectors = module(batch, embedded, all_positions=all_positions)
        expected = module.norm(embedded)
    torch.testing.assert_close(vectors, expected if all_positions else expected[[2, 3]])


@ALL_POSITIONS
def test_training_without_dropout_is_evaluation(all_positions):
    module = sasrec(dropout=0.0, attention_dropout=0.0, norm="pre")
    batch = batch_of([1] * 20 + [7])
    embedded = embeddings(batch)
    evaluated = module(batch, embedded, all_positions=all_positions)
    assert torch.equal(module.train()(batch, embedded, all_positions=all_positions), evaluated)


@ALL_POSITIONS
@pytest.mark.parametrize(("dropout", "attention_dropout"), [(0.5, 0.0), (0.0, 0.5), (0.5, 0.5)])
def test_gradients_match_the_dropped_forward_pass(dropout, attention_dropout, all_positions):
    module = sasrec(dropout=dropout, attention_dropout=attention_dropout, norm="pre")
    module, batch = module.double().train(), batch_of([3, 1, 4])
    embedded = embeddings(batch, dtype=torch.float64).requires_grad_()
    direction = embeddings(batch, seed=1, dtype=torch.float64)

    def value(x):
        torch.manual_seed(0)
        return module(batch, x, all_positions=all_positions).pow(3).sum()

    slope = (torch.autograd.grad(value(embedded), embedded)[0] * direction).sum()
    step = 1e-5
    with torch.no_grad():
        ahead, behind = value(embedded + step * direction), value(embedded - step * direction)
        other = module(batch, embedded, all_positions=all_positions)
        evaluated = module.eval()(batch, embedded, all_positions=all_positions)
    assert float(slope) == pytest.approx(float((ahead - behind) / (2 * step)), rel=1e-6)
    assert (other - evaluated).norm() > 1e-2


@ALL_POSITIONS
def test_training_under_bfloat16_autocast(all_positions):
    module, batch = sasrec(dropout=0.0, norm="pre").train(), batch_of([3, 1, 4])
    embedded = embeddings(batch).requires_grad_()
    vectors, grads = [], []
    for enabled in (False, True):
        torch.manual_seed(0)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            out = module(batch, embedded, all_positions=all_positions)
        vectors.append(out.detach())
        grads.append(torch.autograd.grad(out.float().pow(3).sum(), embedded)[0])
    assert relative_error(vectors[1], vectors[0]) < 0.05
    assert relative_error(grads[1], grads[0]) < 0.2


def test_after_is_the_default_and_the_two_differ():
    post, default, pre = sasrec(norm="post"), sasrec(), sasrec(norm="pre")
    histories = [[1, 2, 3], [4]]
    expected = encode(post.double(), histories)
    assert torch.equal(encode(default.double(), histories), expected)
    assert (encode(pre.double(), histories) - expected).norm() > 0.1
    assert {n: p.shape for n, p in pre.named_parameters()} == {
        n: p.shape for n, p in post.named_parameters()
    }


@pytest.mark.parametrize("norm", ["before", "", None, "Pre", True])
def test_any_other_place_is_refused(norm):
    with pytest.raises(ConfigError, match="must be post or pre") as error:
        SASRec(norm=norm)
    assert error.value.key == "norm"


@ALL_POSITIONS
def test_shapes_on_the_meta_device(all_positions):
    module = SASRec(dim=DIM, max_length=8, norm="pre").to("meta").train()
    batch = batch_of([3, 1, 6])
    out = module(batch, embeddings(batch).to("meta"), all_positions=all_positions)
    assert out.shape == (10 if all_positions else 3, DIM)
