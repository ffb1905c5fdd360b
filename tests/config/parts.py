"""Classes and factories of one's own, as a config names them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from torch import Tensor, nn, optim

from uniseq.data.sequences import Sequences
from uniseq.errors import ConfigError
from uniseq.losses.base import Triplets
from uniseq.losses.bce import BCELoss


class Annotated:
    """A loss that is no torch module and says by its annotations that it is one."""

    def __call__(self, triplets: Triplets) -> tuple[Tensor, dict[str, Tensor]]:
        return triplets.history.sum(), {}


class Unannotated:
    """A loss that says so by the name of its parameter."""

    def __call__(self, triplets):
        return triplets.history.sum(), {}


class Function:
    """Called with one argument, as a loss is, and with no more in common."""

    def __call__(self, x):
        raise AssertionError("was called")


class Command:
    """Like those of launchers: called with anything at all."""

    def __call__(self, *args, **kwargs):
        raise AssertionError("was called")


class Several(nn.Module):
    """A loss made of losses and of what its parameters say."""

    def __init__(
        self,
        losses: list[nn.Module],
        named: dict[str, nn.Module] | None = None,
        later: Callable[..., BCELoss] | None = None,
        anything=None,
    ) -> None:
        super().__init__()
        self.losses, self.named, self.later, self.anything = losses, named, later, anything

    @classmethod
    def of_two(cls, first: nn.Module, second: nn.Module) -> Self:
        return cls([first, second])

    def forward(self, triplets: Triplets) -> tuple[Tensor, dict[str, Tensor]]:
        return self.losses[0](triplets)


class Particular(nn.Module):
    """A loss that refuses what it is given."""

    def __init__(self, margin: float = 0.1) -> None:
        super().__init__()
        if margin < 0:
            raise ConfigError("margin", "must be 0 or more")
        if margin > 1:
            raise ValueError("too wide a margin")

    def forward(self, triplets: Triplets) -> tuple[Tensor, dict[str, Tensor]]:
        return triplets.history.sum(), {}


def any_loss(weight: float = 1.0) -> BCELoss:
    return BCELoss()


def any_module(weight: float = 1.0) -> nn.Module:
    raise AssertionError("was called")


def no_annotation(weight: float = 1.0):
    raise AssertionError("was called")


def margin_loss(triplets: Triplets, margin: float) -> tuple[Tensor, dict[str, Tensor]]:
    return triplets.history.sum() * margin, {}


def called_with_anything(*args, **kwargs):
    raise AssertionError("was called")


def slow_adam(params: list[nn.Parameter], lr: float) -> optim.Optimizer:
    return optim.Adam(params, lr / 10)


class Walks:
    def load(self) -> Sequences:
        raise NotImplementedError


class Loader:
    def load(self):
        raise AssertionError("was called")


@dataclass
class Lines:
    """A reader in name only."""

    def scan(self, file: str, errors: list[str]) -> None:
        raise AssertionError("was called")
