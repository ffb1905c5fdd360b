"""One's own backbone without editing the library: the mean of the recent items.

From the folder of this file::

    python -m uniseq.run backbone=custom backbone._target_=own_backbone.RecentMean \
        +backbone.dim=64
"""

from torch import Tensor, nn

from uniseq.batch import Histories


class RecentMean(nn.Module):
    """A history is the mean of its items, seen through one linear layer.

    Args:
        dim: dimension of items and histories.
    """

    def __init__(self, dim: int = 64) -> None:
        super().__init__()
        self.dim = dim
        self.out = nn.Linear(dim, dim)

    def forward(self, histories: Histories, embedded: Tensor, *, all_positions: bool) -> Tensor:
        """Shape (T, d) to (B, d): sums over the ragged batch, no padding needed."""
        if all_positions:
            raise NotImplementedError("a mean of prefixes: use dataset.samples=prefixes")
        lengths = histories.offsets.diff()  # (B,)
        row = lengths.new_tensor(range(len(lengths))).repeat_interleave(lengths)  # (T,)
        total = embedded.new_zeros(len(lengths), self.dim).index_add_(0, row, embedded)
        return self.out(total / lengths[:, None])
