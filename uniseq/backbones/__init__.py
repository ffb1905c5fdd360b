"""Sequence encoders: a ragged batch of histories in, vectors out."""

from uniseq.backbones.base import Backbone
from uniseq.backbones.sasrec import SASRec

__all__ = ["Backbone", "SASRec"]
