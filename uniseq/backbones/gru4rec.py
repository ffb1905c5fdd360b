"""GRU4Rec: recurrent session-based recommendation (Hidasi et al., ICLR 2016)."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from uniseq.backbones.kernels.dropout import dropout_masks
from uniseq.backbones.kernels.gru import GRULayer
from uniseq.batch import Histories
from uniseq.errors import ConfigError, require_positive, require_rate

# Where dropout may stand, in the order of the forward pass.
Place = Literal["input", "between", "output"]
PLACES: tuple[Place, ...] = ("input", "between", "output")


class GRU4Rec(nn.Module):
    """GRU layers over a history and a projection of the last state to the item space.

    ``h_t = GRU(x_t, h_{t-1})`` from h_0 = 0, and the history's vector is ``W·h_t + b``. The paper
    feeds one-hot items and scores with the output layer's weights; here, as in the field's
    libraries, items come in as embeddings and the same embeddings score. It does not say how the
    weights start and where dropout is: matrices are Xavier-uniform and the recurrent ones
    orthogonal, and dropout is on the embedded items and on each layer's output. Other libraries
    drop the embedded items alone (``dropout_at=[input]``).

    Args:
        dim: d, the dimension of items and histories.
        layers: GRU layers on top of each other.
        hidden: size of the states; None for ``dim``.
        dropout: the rate, at each of the places in ``dropout_at``.
        dropout_at: where dropout stands: at the ``input`` of the first layer, ``between`` a layer
            and the next, at the ``output`` of the last one, before the projection.
        unit_input: whether items are brought to unit length before the first layer.

    Raises:
        ConfigError: when a size is not positive, the dropout not in [0, 1), or a place is none of
            the three, named twice or out of order.
    """

    def __init__(
        self,
        dim: int = 64,
        layers: int = 2,
        hidden: int | None = None,
        dropout: float = 0.5,
        dropout_at: Sequence[Place] = PLACES,
        unit_input: bool = False,
    ) -> None:
        super().__init__()
        hidden = dim if hidden is None else hidden
        require_positive(dim=dim, layers=layers, hidden=hidden)
        require_rate(dropout=dropout)
        self.dim = dim
        self.dropout = dropout
        self.unit_input = unit_input
        self.dropout_at = tuple(dropout_at)
        if self.dropout_at != tuple(place for place in PLACES if place in self.dropout_at):
            raise ConfigError(
                "dropout_at",
                f"must be some of {', '.join(PLACES)}, each once and in this order, not "
                f"{list(dropout_at)}",
            )
        self.layers = nn.ModuleList(
            nn.GRU(dim if layer == 0 else hidden, hidden) for layer in range(layers)
        )
        self.out = nn.Linear(hidden, dim)
        self.apply(_initialise)

    def forward(
        self, histories: Histories, embedded: Tensor, *, all_positions: bool = False
    ) -> Tensor:
        """Vectors of the histories, or of all their prefixes.

        Args:
            histories: B of them.
            embedded: the embeddings of ``histories.items``. Shape (T, d).
            all_positions: whether every prefix gets a vector.

        Returns:
            Shape (B, d), or (T, d) for all positions.
        """
        order, place, before, sizes = _by_time(histories.lengths)
        ends = place if all_positions else place[np.cumsum(histories.lengths) - 1]
        source, previous, wanted = (
            torch.from_numpy(rows).to(embedded.device) for rows in (order, before, ends)
        )
        if self.unit_input:
            embedded = F.normalize(embedded, dim=-1)
        x = embedded.index_select(0, source)  # (T, d)
        for mask, layer in zip(self._draw_masks(x), self.layers, strict=True):
            assert isinstance(layer, nn.GRU)
            x = _run(layer, x if mask is None else x * mask, previous, sizes)  # (T, hidden)
        x = x.index_select(0, wanted)
        if self.training and self.dropout and "output" in self.dropout_at:
            x = x * dropout_masks([tuple(x.shape)], self.dropout, x)[0]
        vectors: Tensor = self.out(x)
        return vectors

    def _draw_masks(self, x: Tensor) -> list[Tensor | None]:
        """Dropout masks of the layers' inputs; none outside training or where nothing drops."""
        later, hidden = len(self.layers) - 1, self.out.in_features
        widths = [
            *([self.dim] if "input" in self.dropout_at else []),
            *([hidden] * later if "between" in self.dropout_at else []),
        ]
        if not (self.training and self.dropout and widths):
            return [None] * len(self.layers)
        drawn = dropout_masks([(len(x), width) for width in widths], self.dropout, x)
        masks: list[Tensor | None] = [*(drawn[:1] if "input" in self.dropout_at else [None])]
        return masks + (
            [*drawn[-later:]] if later and "between" in self.dropout_at else [None] * later
        )


def _run(layer: nn.GRU, x: Tensor, previous: Tensor, sizes: list[int]) -> Tensor:
    """The states of one layer: by the library's fused kernels where it has them, else by ours."""
    if x.is_cuda:
        states: Tensor = layer(PackedSequence(x, torch.tensor(sizes)))[0].data
        return states
    ours: Tensor = GRULayer.apply(  # type: ignore[no-untyped-call]
        x,
        layer.weight_ih_l0,
        layer.bias_ih_l0,
        layer.weight_hh_l0,
        layer.bias_hh_l0,
        previous,
        sizes,
    )
    return ours


def _by_time(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[int]]:
    """The tokens of a batch by their place in the history, longest history first.

    Returns:
        The token behind each, shape (T,); where each token of the batch went, shape (T,); the
        one before each of those that have one, shape (T - B,), in that order; and how many
        histories have a first, second, … token.
    """
    ends = np.cumsum(lengths)
    time = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)  # (T,)
    rank = np.empty(len(lengths), dtype=np.int64)
    rank[np.argsort(-lengths, kind="stable")] = np.arange(len(lengths))
    sizes = np.bincount(time)
    begins = np.cumsum(sizes) - sizes
    place = begins[time] + np.repeat(rank, lengths)
    source = np.empty_like(place)
    source[place] = np.arange(len(place))
    previous = np.arange(sizes[0], len(place)) - np.repeat(sizes[:-1], sizes[1:])
    return source, place, previous, sizes.tolist()


def _initialise(module: nn.Module) -> None:
    for name, weight in module.named_parameters(recurse=False):
        if "bias" in name:
            nn.init.zeros_(weight)
        elif "weight_hh" in name:
            for gate in weight.data.chunk(3):
                nn.init.orthogonal_(gate)
        else:
            nn.init.xavier_uniform_(weight)
