"""SASRec: self-attentive sequential recommendation (Kang & McAuley, ICDM 2018)."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from uniseq.backbones.kernels.attention import CausalAttention, LastAttention
from uniseq.backbones.kernels.dropout import dropout_masks
from uniseq.backbones.kernels.packing import Packing, pack
from uniseq.batch import Histories
from uniseq.errors import ConfigError, require_positive, require_rate, require_scale


class SASRec(nn.Module):
    """Causal Transformer over the last ``max_length`` items of a history.

    Blocks with GELU and a feed-forward layer of 4·dim, learned positions, weights from
    N(0, 0.02²) unless ``std`` says otherwise: the variant that the field's libraries train. The
    last block works on the last positions alone unless all are asked for, which changes no result.

    Where LayerNorm stands differs between papers: ``post`` is
    ``x ← LN(x + Attention(x)), x ← LN(x + FFN(x))`` after a normalised embedding, as in
    BERT4Rec and the libraries; ``pre`` is ``x ← x + Attention(LN(x)), x ← x + FFN(LN(x))`` with
    one LN at the end, as Kang & McAuley describe it (Eq. 7), keys and values normalised too.

    The first author's public code for the hypersphere lets unit vectors into the blocks, which
    ``unit_input`` does too: ``x ← e / ‖e‖ + p``, dropout, under ``post`` the LN, ``x ← x / ‖x‖``.
    Items then outweigh their positions from the start, however short they are.

    Args:
        dim: d, the dimension of items and histories.
        layers: number of blocks.
        heads: attention heads; must divide ``dim``.
        dropout: after the embedding and on each residual branch.
        attention_dropout: on the attention weights.
        max_length: positions that have an embedding, the longest history that can be encoded.
        positions: whether positions are counted from the ``start`` of the history or from its
            ``end`` (the most recent item is always position 0). ``end`` cannot give all
            positions in one pass.
        norm: whether LayerNorm stands after each residual sum (``post``) or before each branch
            (``pre``).
        unit_input: whether items are brought to unit length before their positions join them,
            and the sum, after its dropout, once more.
        std: standard deviation of the normal distribution that weights and positions start from.

    Raises:
        ConfigError: when a size or ``std`` is not positive, ``heads`` does not divide ``dim``, a
            dropout is not in [0, 1), or ``positions`` or ``norm`` is none of the two.
    """

    def __init__(
        self,
        dim: int = 64,
        layers: int = 2,
        heads: int = 2,
        dropout: float = 0.5,
        attention_dropout: float = 0.5,
        max_length: int = 50,
        positions: Literal["start", "end"] = "start",
        norm: Literal["post", "pre"] = "post",
        unit_input: bool = False,
        std: float = 0.02,
    ) -> None:
        super().__init__()
        require_positive(dim=dim, layers=layers, heads=heads, max_length=max_length)
        if dim % heads:
            divisors = [h for h in range(1, dim + 1) if dim % h == 0 and h <= 16]
            raise ConfigError(
                "heads",
                f"must divide dim: {dim} is not divisible by {heads}; use one of {divisors}",
            )
        require_rate(dropout=dropout, attention_dropout=attention_dropout)
        require_scale(std=std)
        if positions not in ("start", "end"):
            raise ConfigError("positions", f"must be start or end, not {positions!r}")
        if norm not in ("post", "pre"):
            raise ConfigError("norm", f"must be post or pre, not {norm!r}")
        self.dim = dim
        self.heads = heads
        self.attention_dropout = attention_dropout
        self.max_length = max_length
        self.positions = positions
        self.position = nn.Embedding(max_length, dim)
        self.norm = nn.LayerNorm(dim)
        self.dropout = dropout
        self.pre_norm = norm == "pre"
        self.blocks = nn.ModuleList(Block(dim, heads, self.pre_norm) for _ in range(layers))
        self.unit_input = unit_input
        self.apply(partial(_initialise, std=std))

    def forward(
        self, histories: Histories, embedded: Tensor, *, all_positions: bool = False
    ) -> Tensor:
        """Vectors of the histories, or of all their prefixes.

        Args:
            histories: B of them, none longer than ``max_length``.
            embedded: the embeddings of ``histories.items``. Shape (T, d).
            all_positions: whether every prefix gets a vector.

        Returns:
            Shape (B, d), or (T, d) for all positions.

        Raises:
            ConfigError: when all positions are asked for and counted from the end.
            ValueError: when a history is longer than ``max_length``.
        """
        if self.positions == "end" and all_positions:
            raise ConfigError(
                "positions",
                "end differs from prefix to prefix and cannot share a pass; "
                "use positions=start for all positions",
            )
        if histories.lengths.max() > self.max_length:
            raise ValueError(
                f"a history has {histories.lengths.max()} items, more than max_length="
                f"{self.max_length}: keep its last ones"
            )
        packing = pack(histories.lengths, embedded)
        position = packing.from_start if self.positions == "start" else packing.from_end
        if self.unit_input:
            embedded = F.normalize(embedded, dim=-1)
        x: Tensor = embedded.index_select(0, packing.source)  # (P, d)
        x = x.add_(self.position.weight.index_select(0, position))
        masks = self._draw_masks(packing, all_positions, x)
        x = self._enter(x, masks.embedded)
        for block, drawn in zip(self.blocks, masks.blocks, strict=True):
            last_only = block is self.blocks[-1] and not all_positions
            x = block(x, packing, drawn, last_only)
        if self.pre_norm:
            x = self.norm(x)
        return x.index_select(0, packing.place) if all_positions else x

    def _enter(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Items with their positions as the first block sees them. Shape (P, d)."""
        if self.unit_input and mask is not None:
            x = x * mask
        if not self.pre_norm:
            x = self.norm(x)
        if self.unit_input:
            return F.normalize(x, dim=-1)
        return x if mask is None else x * mask

    def _draw_masks(self, packing: Packing, all_positions: bool, x: Tensor) -> "Masks":
        """All dropout masks of one forward pass; none outside training."""
        layers, heads = len(self.blocks), self.heads
        tokens, ends = tuple(x.shape), (len(packing.last), x.shape[1])  # (P, d), (B, d)
        whole = layers if all_positions else layers - 1  # blocks that work on all tokens
        bins = [(r.bins * heads, r.capacity, r.capacity) for r in packing.rectangles]
        residual, weights = self._draw(
            [tokens, *[tokens] * (2 * whole), *[ends] * (2 * (layers - whole))],
            [*bins * whole, *[(len(x), heads)] * (layers - whole)],
            x,
        )
        attention = [weights[i * len(bins) : (i + 1) * len(bins)] for i in range(layers)]
        return Masks(
            residual[0],
            [
                BlockMasks(drawn, *residual[1 + 2 * i : 3 + 2 * i])
                for i, drawn in enumerate(attention)
            ],
        )

    def _draw(
        self, residual: list[tuple[int, ...]], weights: list[tuple[int, ...]], x: Tensor
    ) -> tuple[list[Tensor | None], list[Tensor]]:
        """Masks of these shapes at the two rates: None, or none at all, where nothing drops."""
        if self.training and self.dropout and self.dropout == self.attention_dropout:
            drawn = dropout_masks([*residual, *weights], self.dropout, x)
            return [*drawn[: len(residual)]], drawn[len(residual) :]
        dropped: list[Tensor | None] = [None] * len(residual)
        if self.training and self.dropout:
            dropped = [*dropout_masks(residual, self.dropout, x)]
        if not (self.training and self.attention_dropout):
            return dropped, []
        return dropped, dropout_masks(weights, self.attention_dropout, x)


@dataclass(frozen=True, slots=True)
class BlockMasks:
    """Dropout masks of one block: of the attention weights, and of the two residual branches."""

    attention: list[Tensor]
    attended: Tensor | None
    fed_forward: Tensor | None


@dataclass(frozen=True, slots=True)
class Masks:
    """Dropout masks of the embedded tokens and of the blocks."""

    embedded: Tensor | None
    blocks: list[BlockMasks]


class Block(nn.Module):
    """One Transformer block on packed tokens, LayerNorm before or after the branches."""

    def __init__(self, dim: int, heads: int, pre_norm: bool) -> None:
        super().__init__()
        self.heads = heads
        self.pre_norm = pre_norm
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.norm1 = nn.LayerNorm(dim)
        self.up = nn.Linear(dim, 4 * dim)
        self.down = nn.Linear(4 * dim, dim)
        self.norm2 = nn.LayerNorm(dim)

    def forward(self, x: Tensor, packing: Packing, masks: BlockMasks, last_only: bool) -> Tensor:
        """All tokens, (P, d) to (P, d), or the last one of each history, (P, d) to (B, d)."""
        tokens = self.norm1(x) if self.pre_norm else x
        if last_only:
            attended = self._attend_last(tokens, packing, masks)
            return self._branches(x.index_select(0, packing.last), attended, masks)
        attended = CausalAttention.apply(  # type: ignore[no-untyped-call]
            self.qkv(tokens), packing, self.heads, *masks.attention
        )  # (P, d)
        return self._branches(x, attended, masks)

    def _attend_last(self, x: Tensor, packing: Packing, masks: BlockMasks) -> Tensor:
        """Queries of the last tokens against all tokens, (P, d) to (B, d)."""
        query_weight, key_weight, value_weight = self.qkv.weight.chunk(3)
        query_bias, _, value_bias = self.qkv.bias.chunk(3)
        query = F.linear(x.index_select(0, packing.last), query_weight, query_bias)  # (B, d)
        # A key's bias adds the same to all scores of a query, which the softmax does not see.
        key, value = F.linear(x, key_weight), F.linear(x, value_weight, value_bias)  # (P, d)
        mask = masks.attention[0] if masks.attention else None
        attended: Tensor = LastAttention.apply(  # type: ignore[no-untyped-call]
            query, key, value, packing.row, self.heads, mask
        )
        return attended

    def _branches(self, x: Tensor, attended: Tensor, masks: BlockMasks) -> Tensor:
        """The residual sums with what was attended to and with the feed-forward layer."""
        x = _residual(x, self.out(attended), masks.attended)
        if self.pre_norm:
            return _residual(x, self._feed(self.norm2(x)), masks.fed_forward)
        x = self.norm1(x)
        normed: Tensor = self.norm2(_residual(x, self._feed(x), masks.fed_forward))
        return normed

    def _feed(self, x: Tensor) -> Tensor:
        fed: Tensor = self.down(F.gelu(self.up(x)))
        return fed


def _residual(x: Tensor, branch: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return branch.add_(x)  # no gradient needs the branch: one tensor less to write
    added: Tensor = _MaskedSum.apply(x, branch, mask)  # type: ignore[no-untyped-call]
    return added


class _MaskedSum(torch.autograd.Function):
    """x + branch · mask, each direction in one pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, branch: Tensor, mask: Tensor) -> Tensor:
        ctx.save_for_backward(mask)
        return torch.addcmul(x, branch, mask)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        (mask,) = ctx.saved_tensors
        return grad, grad * mask, None


def _initialise(module: nn.Module, std: float) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=std)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
