"""Sequential recommenders whose embeddings live on the unit hypersphere."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from uniseq.version import __version__

if TYPE_CHECKING:
    from uniseq.config.recipes import compose, load
    from uniseq.training.finished import FinishedRun
    from uniseq.training.parts import Ranking, Recipe
    from uniseq.training.train import train

# Loaded when they are first asked for: the losses alone need neither Lightning nor Hydra.
_PUBLIC = {
    "FinishedRun": "uniseq.training.finished",
    "Ranking": "uniseq.training.parts",
    "Recipe": "uniseq.training.parts",
    "compose": "uniseq.config.recipes",
    "load": "uniseq.config.recipes",
    "train": "uniseq.training.train",
}
__all__ = ["FinishedRun", "Ranking", "Recipe", "__version__", "compose", "load", "train"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
