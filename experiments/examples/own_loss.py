"""One's own objective without editing the library: a margin ranking loss.

From the folder of this file::

    python -m uniseq.run loss=custom loss._target_=own_loss.MarginLoss +loss.margin=.3
"""

import torch.nn.functional as F
from torch import Tensor, nn

from uniseq.losses import Triplets


class MarginLoss(nn.Module):
    """Hinge on the difference of the positive's and the negatives' scores.

    Args:
        margin: by how much a positive must win before the loss is zero.
    """

    def __init__(self, margin: float = 0.2) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, triplets: Triplets) -> tuple[Tensor, dict[str, Tensor]]:
        """The total, and the terms that go to the log."""
        positive = (triplets.history * triplets.positive).sum(-1, keepdim=True)  # (R, 1)
        negatives = (triplets.history[:, None] * triplets.negatives).sum(-1)  # (R, K)
        margin = F.relu(self.margin - positive + negatives).sum() / len(positive)
        return margin, {"margin": margin}
