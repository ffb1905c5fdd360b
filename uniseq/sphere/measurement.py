"""Measurement of one moment of a model, as plain values for a record."""

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from uniseq.ranking.lists import list_statistics, top_items
from uniseq.sphere.norms import norm_statistics
from uniseq.sphere.pairs import alignment, directions, pair_statistics
from uniseq.sphere.spectrum import effective_rank


@torch.no_grad()
def measure(
    histories: Tensor,
    items: Tensor,
    raw_items: Tensor,
    targets: Tensor,
    seen_rows: Tensor,
    seen_items: Tensor,
    k: int = 10,
) -> dict[str, Any]:
    """How histories and items lie, and what is recommended.

    Popularity of an item is here the number of users that have had it before their target.

    Args:
        histories: vectors in score space. Shape (B, d).
        items: vectors of all items in score space. Shape (N, d).
        raw_items: vectors of all items as they are trained. Shape (N, d).
        targets: held-out item of each history. Shape (B,).
        seen_rows: history of each seen item. Shape (S,).
        seen_items: items of the users' histories, each once a user. Shape (S,).
        k: length of the recommendation lists; items of the history are not recommended.

    Returns:
        - ``dim``: d
        - ``histories`` and ``items``, each with ``vectors``, their number; ``zero``, how many of
          them have no direction and are left out of the rest; ``cosine`` (``mean``, ``std``,
          ``deciles``, ``histogram``) and ``uniformity``, see
          :class:`uniseq.sphere.PairStatistics`; ``effective_rank``
        - ``alignment`` of histories and targets
        - ``norms``: see :class:`uniseq.sphere.NormStatistics`
        - ``lists``: ``k`` and the fields of :class:`uniseq.sphere.ListStatistics`

        What is not defined is None.
    """
    popularity = torch.bincount(seen_items, minlength=len(items))  # (N,)
    norms = norm_statistics(raw_items, popularity)
    lists = list_statistics(
        top_items(histories, items, k, seen_rows, seen_items), popularity, seen_rows, seen_items
    )
    return {
        "dim": items.shape[1],
        "histories": _spread(histories),
        "items": _spread(items),
        "alignment": alignment(histories, items[targets]),
        "norms": None if norms is None else asdict(norms),
        "lists": None if lists is None else {"k": k, **asdict(lists)},
    }


def _spread(vectors: Tensor) -> dict[str, Any]:
    cosine = None
    uniformity = None
    pairs = pair_statistics(vectors)
    if pairs is not None:
        cosine = asdict(pairs)
        uniformity = cosine.pop("uniformity")
        del cosine["vectors"]
    return {
        "vectors": len(vectors),
        "zero": len(vectors) - len(directions(vectors)),
        "cosine": cosine,
        "uniformity": uniformity,
        "effective_rank": effective_rank(vectors),
    }
