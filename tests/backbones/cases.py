"""Batches and encoders for the tests of the backbones."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from tests.losses.cases import relative_error
from tests.reference_models import parameters_in_float64
from uniseq.backbones import Backbone, Caser, GRU4Rec, SASRec
from uniseq.batch import Histories

DIM = 8
TABLE = torch.randn(9, DIM, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def batch_of(lengths: list[int]) -> Histories:
    """Histories of these lengths; what their items are does not matter to a backbone."""
    return Histories.from_histories([range(length) for length in lengths])


def embeddings(batch: Histories, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Normal embeddings of the batch's items. Shape (T, d)."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(len(batch.items), DIM, generator=generator, dtype=torch.float64)
    return drawn.to(dtype)


def randomised(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module in eval mode, its parameters large enough that each of them matters."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            drawn = torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.4
            parameter.copy_(1 + drawn if "norm" in name and name.endswith("weight") else drawn)
    return module.eval()


def sasrec(seed: int = 0, **options) -> nn.Module:
    return randomised(SASRec(**{"dim": DIM, "max_length": 8, **options}), seed)


def gru4rec(seed: int = 0, **options) -> nn.Module:
    return randomised(GRU4Rec(**{"dim": DIM, **options}), seed)


def caser(seed: int = 0, **options) -> nn.Module:
    return randomised(Caser(**{"dim": DIM, "horizontal": 3, "vertical": 2, **options}), seed)


def split(embedded: Tensor, batch: Histories) -> list[Tensor]:
    """The embeddings of each history by itself."""
    return list(embedded.split(batch.lengths.tolist()))


def encode(
    module: Backbone,
    histories: Sequence[Sequence[int]],
    *,
    all_positions: bool = False,
    table: Tensor = TABLE,
) -> Tensor:
    """Vectors of histories of the items 0 to 8, in float64."""
    batch = Histories.from_histories(histories)
    with torch.no_grad():
        return module(batch, table[batch.items], all_positions=all_positions)


def assert_twins(
    module: nn.Module,
    twin_of: Callable[[dict[str, Tensor]], Callable[[Tensor, int], Tensor]],
    lengths: list[int],
    *,
    all_positions: bool,
    tolerance: float = 1e-9,
) -> Sequence[Tensor]:
    """Values, and gradients of a random combination of them, agree with the twin's.

    The twin is made from parameters in float64, and takes the embeddings of one history and its
    row in the batch. Returns the gradients of the embeddings and of the parameters.
    """
    batch = batch_of(lengths)
    dtype = next(module.parameters()).dtype
    embedded = embeddings(batch, dtype=dtype).requires_grad_()
    actual = module(batch, embedded, all_positions=all_positions)

    parameters = parameters_in_float64(module)
    slow_embedded = embedded.detach().double().requires_grad_()
    twin = twin_of(parameters)
    encoded = [twin(history, row) for row, history in enumerate(split(slow_embedded, batch))]
    expected = torch.cat([vectors if all_positions else vectors[-1:] for vectors in encoded])
    assert actual.shape == expected.shape
    assert actual.dtype == dtype
    assert relative_error(actual.detach(), expected.detach()) < tolerance

    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
    grads = torch.autograd.grad(
        (actual * weights.to(dtype)).sum(), [embedded, *module.parameters()]
    )
    slow_grads = torch.autograd.grad(
        (expected * weights).sum(), [slow_embedded, *parameters.values()]
    )
    errors = {
        name: relative_error(fast, slow)
        for name, fast, slow in zip(["embedded", *parameters], grads, slow_grads, strict=True)
    }
    assert {name: error for name, error in errors.items() if error > tolerance} == {}
    assert float(sum(grad.norm() for grad in grads)) > 0
    return grads


def assert_share(mask: Tensor, rate: float) -> None:
    """The values are 0 and 1 / (1 - rate), the share of zeros is the rate's."""
    scale = 1 / (1 - rate)
    zero = mask.abs() < 1e-3
    assert (zero | ((mask - scale).abs() < 1e-2 * scale)).all()
    deviation = (rate * (1 - rate) / mask.numel()) ** 0.5
    assert float(zero.double().mean()) == pytest.approx(rate, abs=5 * deviation)
