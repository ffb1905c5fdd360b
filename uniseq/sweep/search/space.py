"""Space of a search: its values are tried out, and its combinations counted through."""

import itertools
import math
from collections.abc import Mapping, Sequence, Set

from omegaconf import DictConfig

from uniseq.config.recipes import try_out
from uniseq.errors import ConfigError
from uniseq.sweep.overrides import with_values
from uniseq.training.parts import Recipe

# Key to its values, each as on a command line.
Space = Mapping[str, Sequence[str]]
Combination = frozenset[tuple[str, str]]


def admitted(cfg: DictConfig, leave_out: Sequence[str]) -> Recipe | ConfigError:
    """The recipe of a config, or why there is none, where the key at fault may be left out.

    Raises:
        UniseqError: on any other fault.
    """
    try:
        return try_out(cfg)
    except ConfigError as error:
        if error.key not in leave_out:
            raise
        return error


def usable(
    cfg: DictConfig, space: Space, leave_out: Sequence[str]
) -> tuple[dict[str, list[str]], list[str]]:
    """The space without the values that fit nothing, and those, each with the reason.

    A component sees its own values alone, so only they are crossed.

    Raises:
        UniseqError: on a value that is refused for a key that may not be left out, or when nothing
            fits.
    """
    kept: dict[str, list[str]] = {}
    lost = []
    fitting, fault = _first_fit(cfg, space, leave_out)
    if fitting is None:
        raise ConfigError("hydra.sweeper.search", f"no combination can be run; {fault}")
    for key, values in space.items():
        kept[key] = []
        for value in values:
            near = {
                other: choices if _node(other) == _node(key) else [fitting[other]]
                for other, choices in space.items()
            }
            found, fault = _first_fit(cfg, {**near, key: [value]}, leave_out)
            if found is None:
                lost.append(f"{key}={value}: {fault}")
            else:
                kept[key].append(value)
    return kept, lost


def _first_fit(
    cfg: DictConfig, space: Space, leave_out: Sequence[str]
) -> tuple[dict[str, str] | None, ConfigError | None]:
    """A combination that can be run, or why the last one cannot."""
    fault = None
    keys = sorted(space, key=lambda key: key in leave_out)  # what is refused varies fastest
    for values in itertools.product(*(space[key] for key in keys)):
        combination = dict(zip(keys, values, strict=True))
        found = admitted(with_values(cfg, combination), leave_out)
        if not isinstance(found, ConfigError):
            return combination, None
        fault = found
    return None, fault


def size(space: Space) -> int:
    """How many combinations there are."""
    return math.prod(len(values) for values in space.values())


def untried(space: Space, tried: Set[Combination], start: int) -> dict[str, str] | None:
    """The first combination that is new, from the one with number ``start`` on; None if none is."""
    for number in range(start, start + size(space)):
        rest, values = number % size(space), {}
        for key, choices in space.items():
            rest, index = divmod(rest, len(choices))
            values[key] = choices[index]
        if frozenset(values.items()) not in tried:
            return values
    return None


def _node(key: str) -> str:
    return key.partition(".")[0]
