"""Spectrum: over how many dimensions vectors spread."""

import torch
from torch import Tensor

from uniseq.precision import without_autocast
from uniseq.sphere.pairs import directions

CHUNK = 65_536


@torch.no_grad()
def effective_rank(vectors: Tensor, chunk: int = CHUNK) -> float | None:
    """Effective rank of Roy & Vetterli (2007), Definition 1, of the matrix of unit vectors.

        exp( -Σ_k p_k·log p_k ),  p_k = σ_k / Σ_l σ_l

    with the singular values σ of the (n, d) matrix, not centred: d for an orthonormal set of d
    vectors, 1 when all point along one line. The singular values are the square roots of the
    eigenvalues of XᵀX, so those below 1e-8 of the largest are lost in rounding; together they
    change the result by less than 1e-4.

    Args:
        vectors: of any norm, finite; those without a direction are left out. Shape (n, d).
        chunk: vectors that are read at a time.

    Returns:
        Between 1 and min(n, d); None when no vector has a direction.
    """
    gram = torch.zeros(
        vectors.shape[1], vectors.shape[1], dtype=torch.float64, device=vectors.device
    )
    with without_autocast(vectors):
        for part in vectors.split(chunk):
            x = directions(part).double()
            gram += x.T @ x  # (d, d)
    if not gram.any():
        return None
    singular = torch.linalg.eigvalsh(gram).clamp_(min=0.0).sqrt()  # (d,)
    shares = singular / singular.sum()
    return float(torch.special.entr(shares).sum().exp())
