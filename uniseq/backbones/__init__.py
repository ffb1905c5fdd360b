"""Sequence encoders: a ragged batch of histories in, vectors out."""

from uniseq.backbones.base import Backbone
from uniseq.backbones.caser import Caser
from uniseq.backbones.gru4rec import GRU4Rec
from uniseq.backbones.sasrec import SASRec

__all__ = ["Backbone", "Caser", "GRU4Rec", "SASRec"]
