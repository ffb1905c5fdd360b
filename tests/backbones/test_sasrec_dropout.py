"""Where SASRec drops in training, how often, and that it never does outside of it."""

import pytest
import torch

from tests.backbones.cases import assert_share, batch_of, embeddings, sasrec
from tests.losses.cases import relative_error
from uniseq.backbones.kernels.packing import pack

BATCH = batch_of([1] * 400 + [3] * 30)
BRANCHES = ["qkv", "out", "norm1", "up", "down", "norm2"]
PACKING = pack(BATCH.lengths, torch.empty(0))
ALL_POSITIONS = pytest.mark.parametrize("all_positions", [False, True], ids=["last", "all"])


def observed(module, names, *, all_positions, seed=0):
    """Inputs and outputs of submodules in one forward pass in training mode, without gradients."""
    seen = {}
    handles = [
        module.get_submodule(name).register_forward_hook(
            lambda _, args, out, name=name: seen.__setitem__(name, (args[0], out))
        )
        for name in names
    ]
    torch.manual_seed(seed)
    with torch.no_grad():
        module.train()(BATCH, embeddings(BATCH), all_positions=all_positions)
    for handle in handles:
        handle.remove()
    return seen


@ALL_POSITIONS
def test_training_without_dropout_is_evaluation(all_positions):
    module = sasrec(dropout=0.0, attention_dropout=0.0)
    embedded = embeddings(BATCH)
    evaluated = module(BATCH, embedded, all_positions=all_positions)
    trained = module.train()(BATCH, embedded, all_positions=all_positions)
    assert torch.equal(trained, evaluated)


@ALL_POSITIONS
@pytest.mark.parametrize(("dropout", "attention_dropout"), [(0.5, 0.0), (0.0, 0.5)])
def test_two_passes_differ_in_training_alone(dropout, attention_dropout, all_positions):
    module = sasrec(dropout=dropout, attention_dropout=attention_dropout)
    embedded = embeddings(BATCH)

    def twice():
        return [module(BATCH, embedded, all_positions=all_positions) for _ in range(2)]

    assert torch.equal(*twice())
    module.train()
    first, second = twice()
    assert (first - second).norm() > 0.1 * first.norm()
    torch.manual_seed(3)
    first = module(BATCH, embedded, all_positions=all_positions)
    torch.manual_seed(3)
    assert torch.equal(module(BATCH, embedded, all_positions=all_positions), first)


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_the_embedded_tokens_are_dropped_after_their_norm(rate):
    module = sasrec(dropout=rate, attention_dropout=0.0, layers=1)
    seen = observed(module, ["norm", "blocks.0.qkv"], all_positions=True)
    before, after = seen["norm"][1], seen["blocks.0.qkv"][0]
    usable = before.abs() > 0.01
    assert_share((after / before)[usable], rate)


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_each_residual_branch_is_dropped_by_itself(rate):
    """What a branch adds to its stream is 0 or the scaled output of the branch."""
    module = sasrec(dropout=rate, attention_dropout=0.0, layers=2)
    names = [f"blocks.{layer}.{n}" for layer in (0, 1) for n in BRANCHES]
    seen = observed(module, names, all_positions=True)
    masks, usable = [], torch.tensor(True)
    for layer in (0, 1):
        stream, summed, fed_stream, fed_summed = (
            seen[f"blocks.{layer}.{name}"][0] for name in ("qkv", "norm1", "up", "norm2")
        )
        for before, branch, after in (
            (stream, seen[f"blocks.{layer}.out"][1], summed),
            (fed_stream, seen[f"blocks.{layer}.down"][1], fed_summed),
        ):
            masks.append((after - before) / branch)
            usable = usable & (branch.abs() > 0.3)
            assert_share(masks[-1][branch.abs() > 0.3], rate)
    assert usable.sum() > 500
    correlations = torch.corrcoef(torch.stack([mask[usable] for mask in masks]))
    assert (correlations - torch.eye(4)).abs().max() < 0.2


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_both_branches_of_last_positions_are_dropped(rate):
    module = sasrec(dropout=rate, attention_dropout=0.0, layers=1)
    names = ["blocks.0", *(f"blocks.0.{name}" for name in BRANCHES[1:])]
    seen = observed(module, names, all_positions=False)
    stream, summed, fed_stream, fed_summed = (
        seen[name][0] for name in ("blocks.0", "blocks.0.norm1", "blocks.0.up", "blocks.0.norm2")
    )
    attended, fed = seen["blocks.0.out"][1], seen["blocks.0.down"][1]
    assert len(attended) == len(fed) == len(BATCH.lengths)
    for before, branch, after in (
        (stream[PACKING.last], attended, summed),
        (fed_stream, fed, fed_summed),
    ):
        assert_share(((after - before) / branch)[branch.abs() > 0.3], rate)


def constant_values(module):
    """Equal attention weights, and values of 1: what is attended is the mean mask."""
    with torch.no_grad():
        for block in module.blocks:
            block.qkv.weight.zero_()
            block.qkv.bias.zero_()[2 * module.dim :] = 1
    return module


@ALL_POSITIONS
@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_attention_weights_are_dropped_a_head_at_a_time(rate, all_positions):
    module = constant_values(sasrec(dropout=0.0, attention_dropout=rate, layers=2, heads=2))
    seen = observed(module, ["blocks.0.out", "blocks.1.out"], all_positions=all_positions)
    histories = {}
    for layer in (0, 1):
        mixed = seen[f"blocks.{layer}.out"][0]
        on_histories = layer == 1 and not all_positions  # else on packed tokens
        single = mixed[:400] if on_histories else mixed[PACKING.place[:400]]
        heads = single.view(400, 2, 4)
        assert torch.equal(heads, heads[..., :1].expand_as(heads))
        histories[layer] = heads[..., 0]
        assert_share(histories[layer], rate)
    masks = [*histories[0].T, *histories[1].T]
    correlations = torch.corrcoef(torch.stack(masks))
    assert (correlations - torch.eye(4)).abs().max() < 0.25


@ALL_POSITIONS
def test_attention_dropout_leaves_the_expectation(all_positions):
    """Of histories of three, each weight of 1/3 is dropped by itself."""
    rate = 0.5
    module = constant_values(sasrec(dropout=0.0, attention_dropout=rate, layers=1, heads=2))
    means = []
    for seed in range(30):
        mixed = observed(module, ["blocks.0.out"], all_positions=all_positions, seed=seed)
        mixed = mixed["blocks.0.out"][0]
        if all_positions:
            mixed = mixed[PACKING.last]
        means.append(mixed[400:, ::4])  # one element of each head
    drawn = torch.stack(means)
    # A mean of three masks: mean 1, variance 1/3 of rate / (1 - rate).
    assert float(drawn.mean()) == pytest.approx(1, abs=0.07)
    assert float(drawn.var()) == pytest.approx(1 / 3, abs=0.05)


def test_gradients_match_the_dropped_forward_pass():
    """With the same masks, finite differences along a direction."""
    module = sasrec(dropout=0.3, attention_dropout=0.3, layers=2).double().train()
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
    """What ``trainer.precision=bf16-mixed`` does gives roughly the vectors of float32."""
    module = sasrec(dropout=rate, attention_dropout=rate).train()
    batch = batch_of([3, 1, 4])
    embedded = embeddings(batch).requires_grad_()
    torch.manual_seed(0)
    expected = module(batch, embedded, all_positions=all_positions)
    expected_grad = torch.autograd.grad(expected.pow(3).sum(), embedded)[0]
    torch.manual_seed(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        actual = module(batch, embedded, all_positions=all_positions)
    actual_grad = torch.autograd.grad(actual.float().pow(3).sum(), embedded)[0]
    assert relative_error(actual.detach(), expected.detach()) < 0.05
    # The cube triples the relative error of the 8 bits that bfloat16 has.
    assert relative_error(actual_grad, expected_grad) < 0.2
