"""What every loss takes, and what it says of itself."""

import pytest
import torch
from torch import nn

from tests.losses.cases import random_triplets
from uniseq.losses import BCELoss, BPRLoss, InfoNCELoss, Loss, UniformityLoss
from uniseq.losses.base import reads_items, reads_owned


class Silent(nn.Module):
    """One's own, which says nothing of itself."""

    def forward(self, triplets):
        return triplets.scores()[0].sum(), {}


class Inherited(nn.Module, Loss):
    """One's own, by inheritance."""

    reads_owned = True

    def forward(self, triplets):
        return triplets.scores()[0].sum(), {}


def test_scores_are_the_inner_products_one_by_one():
    triplets = random_triplets(4, 3)
    positive, negatives = triplets.scores()
    assert positive.shape == (4,)
    assert negatives.shape == (4, 3)
    for r in range(4):
        expected = triplets.history[r] @ triplets.positive[r]
        assert positive[r].item() == pytest.approx(expected.item())
        for k in range(3):
            expected = triplets.history[r] @ triplets.negatives[r, k]
            assert negatives[r, k].item() == pytest.approx(expected.item())


def test_what_a_loss_does_not_say_is_as_the_protocol_has_it():
    assert (reads_items(Silent()), reads_owned(Silent())) == (True, False)
    assert (reads_items(Inherited()), reads_owned(Inherited())) == (True, True)
    assert torch.isfinite(Inherited()(random_triplets(2, 1))[0])


@pytest.mark.parametrize("rec", [Silent(), Inherited(), BCELoss(), BPRLoss(), InfoNCELoss()])
def test_the_uniformity_loss_reads_what_its_recommendation_loss_reads(rec):
    loss = UniformityLoss(rec)
    assert (reads_items(loss), reads_owned(loss)) == (reads_items(rec), reads_owned(rec))


@pytest.mark.parametrize("loss", [BCELoss(), BPRLoss(), InfoNCELoss(), UniformityLoss(None)])
def test_what_scores_the_batch_alone_reads_neither(loss):
    assert (reads_items(loss), reads_owned(loss)) == (False, False)
