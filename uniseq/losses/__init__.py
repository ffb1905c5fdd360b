"""Losses: pure functions of one batch's vectors, importable alone."""

from uniseq.losses.base import Loss, Triplets
from uniseq.losses.bce import BCELoss, loss_bce
from uniseq.losses.bpr import BPRLoss, loss_bpr
from uniseq.losses.gaussian import loss_het, loss_hom
from uniseq.losses.infonce import InfoNCELoss, loss_infonce
from uniseq.losses.uniform import UniformityLoss

__all__ = [
    "BCELoss",
    "BPRLoss",
    "InfoNCELoss",
    "Loss",
    "Triplets",
    "UniformityLoss",
    "loss_bce",
    "loss_bpr",
    "loss_het",
    "loss_hom",
    "loss_infonce",
]
