"""Caser: convolutional sequence embedding recommendation (Tang & Wang, WSDM 2018)."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uniseq.backbones.kernels.dropout import dropout_masks
from uniseq.backbones.kernels.windows import HorizontalFilters
from uniseq.batch import Histories
from uniseq.embedding.table import Table
from uniseq.errors import require_positive, require_rate

# Windows whose history has up to so many items share a kernel.
CAPACITIES = (8, 16, 32)


class Caser(nn.Module):
    """Horizontal and vertical convolutions over the matrix E of the last L items.

    - Horizontal filters of every height h = 1 … L slide over the items; each keeps the largest
      of its values after a ReLU (Eq. 2 – 5): (L·n_h) features.
    - Vertical filters are weighted sums of the L items (Eq. 6 – 8): (n_v·d) features.
    - ``z = W·[o, õ] + b`` (Eq. 9) is the history's vector.

    Where a history has fewer than L items the rest of E is zero, before the oldest item, as in the
    paper's code. There z ends in a ReLU, and the user's own embedding joins it in the output
    layer, ``W'·[z, P_u] + b'`` (Eq. 10), with ReLU or without. Both are options here: behind a
    ReLU all vectors lie in one orthant, so that no cosine between them is negative, and a dead
    vector has no direction; and a user embedding cannot serve new users. Caser has neither
    layers on top of each other nor heads.

    Args:
        dim: d, the dimension of items and histories.
        length: L, the most recent items that are looked at.
        horizontal: n_h, horizontal filters of each height.
        vertical: n_v, vertical filters.
        dropout: on the features.
        relu: whether the vectors end in a ReLU.
        users: how many users have an embedding, rows of the data set; None for none. A user
            who does not train keeps the embedding that chance gave them.
        unit_input: whether items are brought to unit length before the convolutions.

    Raises:
        ConfigError: when a size is not positive or the dropout not in [0, 1).
    """

    def __init__(
        self,
        dim: int = 64,
        length: int = 5,
        horizontal: int = 16,
        vertical: int = 4,
        dropout: float = 0.5,
        relu: bool = False,
        users: int | None = None,
        unit_input: bool = False,
    ) -> None:
        super().__init__()
        require_positive(dim=dim, length=length, horizontal=horizontal, vertical=vertical)
        require_rate(dropout=dropout)
        self.dim = dim
        self.length = length
        self.dropout = dropout
        self.relu = relu
        self.unit_input = unit_input
        # Row j of the filters of height h, oldest first, is row h(h - 1)/2 + j.
        rows = length * (length + 1) // 2
        self.horizontal = nn.Parameter(torch.empty(rows, dim, horizontal))
        self.horizontal_bias = nn.Parameter(torch.empty(length, horizontal))
        self.vertical = nn.Parameter(torch.empty(vertical, length))
        self.out = nn.Linear(length * horizontal + vertical * dim, dim)
        self._initialise()
        self.user: Table | None = None
        if users is not None:
            require_positive(users=users)
            self.user = Table(users, dim, std=1 / dim)
            self.join = nn.Linear(2 * dim, dim)

    def _initialise(self) -> None:
        """Xavier-uniform filters, each height with its own fans; no biases.

        Without biases the features scale with the items: small embeddings are not drowned.
        """
        _, dim, count = self.horizontal.shape
        for height in range(1, self.length + 1):
            bound = (6 / (height * (dim + count))) ** 0.5
            nn.init.uniform_(self.filters(height), -bound, bound)
        nn.init.xavier_uniform_(self.out.weight)
        nn.init.uniform_(self.vertical, -(self.length**-0.5), self.length**-0.5)
        nn.init.zeros_(self.horizontal_bias)
        nn.init.zeros_(self.out.bias)

    def filters(self, height: int) -> Tensor:
        """The horizontal filters of one height, oldest row first. Shape (h, d, n_h)."""
        begin = height * (height - 1) // 2
        return self.horizontal[begin : begin + height]

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

        Raises:
            ValueError: when a user has no embedding.
        """
        if self.unit_input:
            embedded = F.normalize(embedded, dim=-1)
        features = self._features(histories.lengths, embedded, all_positions)
        if self.training and self.dropout:
            mask = dropout_masks([tuple(features.shape)], self.dropout, features)[0]
            features = features * mask
        z: Tensor = self.out(features)  # (R, d)
        if self.user is not None:
            users = histories.users
            # A look at the numbers makes another device wait, and that one checks them itself.
            if users.device.type == "cpu" and users.max() >= self.user.num_embeddings:
                raise ValueError(
                    f"user row {int(users.max())} has no embedding: backbone.users is "
                    f"{self.user.num_embeddings}; use null to serve new users"
                )
            if all_positions:
                lengths = torch.from_numpy(histories.lengths).to(users.device)
                users = users.repeat_interleave(lengths)
            z = self.join(torch.cat([z.relu(), self.user(users)], 1))
        return z.relu() if self.relu else z

    def _features(self, lengths: np.ndarray, embedded: Tensor, all_positions: bool) -> Tensor:
        """The features of each window, (R, L·n_h + n_v·d); short windows share short kernels."""
        token = np.arange(int(lengths.sum()))
        ends = np.cumsum(lengths)
        if all_positions:
            last, seen = token, token + 1 - np.repeat(ends - lengths, lengths)
        else:
            last, seen = ends - 1, lengths
        seen = np.minimum(seen, self.length)
        items = torch.cat([embedded, embedded.new_zeros(1, self.dim)])  # row T: no item
        longest = int(seen.max())
        kernel = self._kernel(longest)
        groups, parts, lower = [], [], 0
        for capacity in [*(c for c in CAPACITIES if c < longest), longest]:
            group = np.flatnonzero((seen > lower) & (seen <= capacity))
            lower = capacity
            if not len(group):
                continue
            back = np.arange(capacity)[::-1]  # items before the last one
            places = np.where(back < seen[group, None], last[group, None] - back, len(token))
            rows = torch.from_numpy(places.ravel()).to(embedded.device)
            x = items.index_select(0, rows).view(-1, capacity, self.dim)  # (n, c, d)
            parts.append(self._convolve(x, kernel[(longest - capacity) * self.dim :]))
            groups.append(group)
        if len(parts) == 1:
            return parts[0]
        order = torch.from_numpy(np.argsort(np.concatenate(groups))).to(embedded.device)
        return torch.cat(parts).index_select(0, order)

    def _kernel(self, capacity: int) -> Tensor:
        """The filters of all heights side by side, last rows aligned, shape (c·d, L·n_h).

        Filters higher than c lose the rows that reach into nothing but zeros; above the others
        are zeros.
        """
        _, dim, count = self.horizontal.shape
        height = np.arange(1, self.length + 1)
        row = height - np.arange(capacity, 0, -1)[:, None]  # (c, L), of the filter
        rows = np.where(row < 0, len(self.horizontal), height * (height - 1) // 2 + row)
        index = torch.from_numpy(rows.ravel()).to(self.horizontal.device)
        padded = torch.cat([self.horizontal, self.horizontal.new_zeros(1, dim, count)])
        kernel = padded.index_select(0, index).view(capacity, self.length, dim, count)
        return kernel.transpose(1, 2).reshape(capacity * dim, -1)

    def _convolve(self, x: Tensor, kernel: Tensor) -> Tensor:
        """Features of windows of which only the last c ≤ L rows can hold items. Shape (n, c, d)."""
        count, capacity, _ = x.shape
        weighted = self.vertical[:, self.length - capacity :] @ x  # (n, n_v, d)
        largest: Tensor = HorizontalFilters.apply(  # type: ignore[no-untyped-call]
            x, kernel, self.horizontal_bias
        )  # (n, L·n_h)
        return torch.cat([largest, weighted.reshape(count, -1)], 1)
