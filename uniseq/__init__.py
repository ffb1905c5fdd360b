"""Sequential recommenders whose embeddings live on the unit hypersphere."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from uniseq.version import __version__

if TYPE_CHECKING:
    from uniseq.backbones import Caser, GRU4Rec, SASRec
    from uniseq.config.recipes import compose, load
    from uniseq.data.datamodule import SequenceDataModule
    from uniseq.data.sources.benchmark import BenchmarkFile
    from uniseq.data.sources.synthetic import Synthetic
    from uniseq.losses import BCELoss, BPRLoss, InfoNCELoss, UniformityLoss
    from uniseq.similarity import Cosine, Dot
    from uniseq.training.finished import FinishedRun
    from uniseq.training.parts import Ranking, Recipe
    from uniseq.training.train import train

# Loaded when they are first asked for: the losses alone need neither Lightning nor Hydra.
_PUBLIC = {
    "BCELoss": "uniseq.losses",
    "BPRLoss": "uniseq.losses",
    "BenchmarkFile": "uniseq.data.sources.benchmark",
    "Caser": "uniseq.backbones",
    "Cosine": "uniseq.similarity",
    "Dot": "uniseq.similarity",
    "FinishedRun": "uniseq.training.finished",
    "GRU4Rec": "uniseq.backbones",
    "InfoNCELoss": "uniseq.losses",
    "Ranking": "uniseq.training.parts",
    "Recipe": "uniseq.training.parts",
    "SASRec": "uniseq.backbones",
    "SequenceDataModule": "uniseq.data.datamodule",
    "Synthetic": "uniseq.data.sources.synthetic",
    "UniformityLoss": "uniseq.losses",
    "compose": "uniseq.config.recipes",
    "load": "uniseq.config.recipes",
    "train": "uniseq.training.train",
}
__all__ = [
    "BCELoss",
    "BPRLoss",
    "BenchmarkFile",
    "Caser",
    "Cosine",
    "Dot",
    "FinishedRun",
    "GRU4Rec",
    "InfoNCELoss",
    "Ranking",
    "Recipe",
    "SASRec",
    "SequenceDataModule",
    "Synthetic",
    "UniformityLoss",
    "__version__",
    "compose",
    "load",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
