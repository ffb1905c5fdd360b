"""SASRec's arguments, parameters and the inputs that it refuses."""

import pytest
import torch

from tests.backbones.cases import DIM, batch_of, embeddings, sasrec
from uniseq.backbones import SASRec
from uniseq.errors import ConfigError


@pytest.mark.parametrize(
    ("options", "key", "says"),
    [
        ({"dim": 0}, "dim", "at least 1, not 0"),
        ({"layers": 0}, "layers", "at least 1"),
        ({"heads": -1}, "heads", "at least 1"),
        ({"max_length": 0}, "max_length", "at least 1"),
        ({"dim": 64, "heads": 3}, "heads", "use one of [1, 2, 4, 8, 16]"),
        ({"dim": 6, "heads": 4}, "heads", "use one of [1, 2, 3, 6]"),
        ({"dropout": 1.0}, "dropout", "below 1"),
        ({"dropout": -0.1}, "dropout", "below 1"),
        ({"attention_dropout": 1.5}, "attention_dropout", "not 1.5"),
        ({"positions": "middle"}, "positions", "start or end"),
    ],
)
def test_options_that_cannot_work_are_refused_by_name(options, key, says):
    with pytest.raises(ConfigError) as error:
        SASRec(**options)
    assert error.value.key == key
    assert says in str(error.value)


def test_positions_from_the_end_cannot_share_a_pass():
    batch = batch_of([3, 1])
    module = sasrec(positions="end")
    with pytest.raises(ConfigError, match="positions=start") as error:
        module(batch, embeddings(batch), all_positions=True)
    assert error.value.key == "positions"


def test_the_longest_history_that_fits_and_the_first_that_does_not():
    module = sasrec(max_length=4)
    fits, too_long = batch_of([4, 1]), batch_of([5, 1])
    assert module(fits, embeddings(fits)).shape == (2, DIM)
    with pytest.raises(ValueError, match="a history has 5 items, more than max_length=4"):
        module(too_long, embeddings(too_long))


@pytest.mark.parametrize("layers", [1, 3])
def test_the_number_of_parameters(layers):
    d, block = 16, 12 * 16 * 16 + 13 * 16  # 4d² attention, 8d² feed-forward; biases, two norms
    module = SASRec(dim=d, layers=layers, max_length=10)
    count = sum(parameter.numel() for parameter in module.parameters())
    assert count == layers * block + 10 * d + 2 * d


def test_fresh_parameters_are_small_and_seeded():
    torch.manual_seed(0)
    module = SASRec(dim=64, max_length=50)
    for name, parameter in module.named_parameters():
        if name.endswith("bias"):
            assert parameter.eq(0).all()
        elif "norm" in name:
            assert parameter.eq(1).all()
        else:
            assert parameter.std().item() == pytest.approx(0.02, rel=0.1)
            assert abs(parameter.mean().item()) < 0.002
    torch.manual_seed(0)
    again = SASRec(dim=64, max_length=50)
    assert all(map(torch.equal, module.parameters(), again.parameters()))


def test_a_state_dict_brings_the_same_vectors_to_another_module():
    batch = batch_of([3, 1, 6])
    embedded = embeddings(batch)
    source, target = sasrec(seed=0), sasrec(seed=1)
    expected = source(batch, embedded)
    assert (target(batch, embedded) - expected).norm() > 0.1
    target.load_state_dict(source.state_dict())
    assert torch.equal(target(batch, embedded), expected)
    assert set(source.state_dict()) == {name for name, _ in source.named_parameters()}


def test_double_and_back():
    batch = batch_of([3, 1, 6])
    module = sasrec()
    single = module(batch, embeddings(batch), all_positions=True)
    double = module.double()(batch, embeddings(batch, dtype=torch.float64), all_positions=True)
    assert double.dtype == torch.float64
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-5)
    back = module.float()(batch, embeddings(batch), all_positions=True)
    assert torch.equal(back, single)


@pytest.mark.parametrize("all_positions", [False, True])
def test_shapes_on_the_meta_device(all_positions):
    # Nothing may need a value from the device: on meta there is none.
    module = SASRec(dim=DIM, max_length=8).to("meta").train()
    batch = batch_of([3, 1, 6])
    out = module(batch, embeddings(batch).to("meta"), all_positions=all_positions)
    assert out.shape == (10 if all_positions else 3, DIM)
    assert out.device.type == "meta"
