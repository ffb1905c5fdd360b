"""Batches and encoders for the tests of the backbones."""

import torch
from torch import Tensor

from uniseq.backbones import SASRec
from uniseq.batch import SequenceBatch

DIM = 8


def batch_of(lengths: list[int]) -> SequenceBatch:
    """Histories of these lengths; what their items are does not matter to a backbone."""
    return SequenceBatch.from_histories([range(length) for length in lengths])


def embeddings(
    batch: SequenceBatch, *, seed: int = 0, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Normal embeddings of the batch's items. Shape (T, d)."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(len(batch.items), DIM, generator=generator, dtype=torch.float64)
    return drawn.to(dtype)


def sasrec(seed: int = 0, **options) -> SASRec:
    """SASRec in eval mode whose parameters are large enough that each of them matters."""
    module = SASRec(**{"dim": DIM, "max_length": 8, **options})
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            drawn = torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.4
            parameter.copy_(1 + drawn if "norm" in name and name.endswith("weight") else drawn)
    return module.eval()


def split(embedded: Tensor, batch: SequenceBatch) -> list[Tensor]:
    """The embeddings of each history by itself."""
    return list(embedded.split(batch.lengths.tolist()))
