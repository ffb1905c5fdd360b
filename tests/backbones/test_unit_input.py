"""Unit vectors at the encoder's input: the twins, and that the lengths of items do not matter."""

import pytest
import torch

from tests.backbones import cases
from tests.backbones.cases import batch_of, caser, embeddings, gru4rec, sasrec
from tests.config_runs import composed
from tests.reference_models import ReferenceCaser, ReferenceGRU4Rec, ReferenceSASRec
from uniseq.backbones import SASRec
from uniseq.errors import ConfigError

LENGTHS = [3, 1, 6, 2, 5]
ALL_POSITIONS = pytest.mark.parametrize("all_positions", [False, True], ids=["last", "all"])
ENCODERS = {
    "post": (sasrec, {"norm": "post"}, ReferenceSASRec),
    "pre": (sasrec, {"norm": "pre"}, ReferenceSASRec),
    "gru4rec": (gru4rec, {"hidden": 5}, ReferenceGRU4Rec),
    "caser": (caser, {"length": 4}, ReferenceCaser),
}
ENCODER = pytest.mark.parametrize("name", list(ENCODERS))


def made(name, **options):
    make, own, _ = ENCODERS[name]
    return make(**{**own, "unit_input": True, **options}).double()


def encoded(module, embedded, all_positions=False):
    return module(batch_of(LENGTHS), embedded, all_positions=all_positions)


@ENCODER
@ALL_POSITIONS
def test_values_and_gradients_are_the_twins(name, all_positions):
    module = made(name)

    def twin_of(parameters):
        twin = ENCODERS[name][2](module, parameters)
        return lambda history, row: twin(history)

    cases.assert_twins(module, twin_of, LENGTHS, all_positions=all_positions)


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_positions_from_the_end_are_the_twins_too(norm):
    module = made(norm, positions="end")

    def twin_of(parameters):
        twin = ReferenceSASRec(module, parameters)
        return lambda history, row: twin(history)

    cases.assert_twins(module, twin_of, LENGTHS, all_positions=False)


@ENCODER
@ALL_POSITIONS
def test_the_lengths_of_items_do_not_matter_where_and_only_where_it_is_set(name, all_positions):
    embedded = embeddings(batch_of(LENGTHS), dtype=torch.float64)
    scaled = embedded * torch.linspace(0.01, 9, len(embedded), dtype=torch.float64)[:, None]
    module, usual = made(name), made(name, unit_input=False)
    first, second = (encoded(module, each, all_positions) for each in (embedded, scaled))
    torch.testing.assert_close(first, second, rtol=1e-9, atol=1e-11)
    difference = encoded(usual, embedded, all_positions) - encoded(usual, scaled, all_positions)
    assert difference.norm() > 1e-2


@ENCODER
def test_its_parameters_are_those_of_the_encoder_without_it(name):
    with_it, without = made(name), made(name, unit_input=False)
    assert with_it.state_dict().keys() == without.state_dict().keys()
    with_it.load_state_dict(without.state_dict())


@pytest.mark.parametrize("norm", ["post", "pre"])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_what_enters_the_first_block_has_unit_length_in_training_too(norm, dropout):
    module = made(norm, dropout=dropout, attention_dropout=0.0).train()
    seen = []
    module.blocks[0].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    torch.manual_seed(0)
    encoded(module, embeddings(batch_of(LENGTHS), dtype=torch.float64))
    torch.testing.assert_close(seen[0].norm(dim=-1), torch.ones(len(seen[0])).double())


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_dropout_stands_before_the_sums_are_brought_to_unit_length(norm):
    module = made(norm, attention_dropout=0.0).train()
    embedded = embeddings(batch_of([1] * 40), dtype=torch.float64)
    entered = []
    module.blocks[0].register_forward_pre_hook(lambda _, args: entered.append(args[0]))
    torch.manual_seed(0)
    module(batch_of([1] * 40), embedded)
    item = embedded / embedded.norm(dim=-1, keepdim=True) + module.position.weight[0]
    if norm == "pre":  # the LayerNorm of post fills the zeros
        kept = entered[0] != 0
        assert 0.3 < float(kept.double().mean()) < 0.7
        expected = torch.where(kept, item, 0)
        expected = expected / expected.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        torch.testing.assert_close(entered[0], expected)
    else:
        entered.clear()
        module.eval()(batch_of([1] * 40), embedded)
        normed = module.norm(item)
        torch.testing.assert_close(entered[0], normed / normed.norm(dim=-1, keepdim=True))


@ENCODER
def test_gradients_match_the_dropped_forward_pass(name):
    module = made(name, dropout=0.3).train()
    embedded = embeddings(batch_of(LENGTHS), dtype=torch.float64).requires_grad_()
    direction = embeddings(batch_of(LENGTHS), seed=1, dtype=torch.float64)

    def value(x):
        torch.manual_seed(0)
        return encoded(module, x, all_positions=True).pow(3).sum()

    slope = (torch.autograd.grad(value(embedded), embedded)[0] * direction).sum()
    step = 1e-6
    with torch.no_grad():
        ahead, behind = value(embedded + step * direction), value(embedded - step * direction)
    assert float(slope) == pytest.approx(float((ahead - behind) / (2 * step)), rel=1e-5)


@ENCODER
def test_an_item_of_no_length_has_no_direction_and_finite_gradients(name):
    module = made(name)
    embedded = embeddings(batch_of(LENGTHS), dtype=torch.float64)
    embedded[2] = 0
    embedded.requires_grad_()
    vectors = encoded(module, embedded, all_positions=True)
    vectors.pow(2).sum().backward()
    assert vectors.isfinite().all()
    assert embedded.grad.isfinite().all()


@pytest.mark.parametrize("backbone", ["sasrec", "gru4rec", "caser"])
def test_it_is_off_unless_it_is_asked_for(backbone):
    assert composed([f"backbone={backbone}"]).backbone.unit_input is False


def test_weights_and_positions_start_at_the_scale_that_is_asked_for():
    fresh = []
    for std in (0.02, 0.1):
        torch.manual_seed(0)
        fresh.append(dict(SASRec(std=std).named_parameters()))
    for name, usual in fresh[0].items():
        scale = 1 if "norm" in name or name.endswith("bias") else 5
        torch.testing.assert_close(fresh[1][name], scale * usual)
    with pytest.raises(ConfigError, match=r"^std: must be above 0 and finite, not 0"):
        SASRec(std=0)
