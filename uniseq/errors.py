"""Errors that are the user's to mend: one line that says where, what and what to do."""

import difflib
import math
import unicodedata
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

# Of Unicode: control and format characters, halves of pairs, breaks of lines and paragraphs.
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class UniseqError(Exception):
    """An input that cannot be used. Its text is shown to the user as it stands."""


class ConfigError(UniseqError):
    """A config value that cannot work.

    Args:
        key: the config key, such as ``backbone.heads``; a class that does not know where it
            stands in the config names its own argument and the caller prefixes the path.
        problem: what is wrong and what to do.
    """

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}")
        self.key = key
        self.problem = problem

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        """So that another process can hand it over."""
        return type(self), (self.key, self.problem)

    def under(self, path: str) -> "ConfigError":
        """The same fault, named from the root of the config."""
        return ConfigError(f"{path}.{self.key}" if path else self.key, self.problem)


def require_positive(**sizes: int) -> None:
    """Raise unless each argument, named by its config key, is at least 1.

    Raises:
        ConfigError: naming the first that is not.
    """
    for key, size in sizes.items():
        if size < 1:
            raise ConfigError(key, f"must be at least 1, not {size}")


class DataError(UniseqError):
    """A data file or log that cannot be used.

    Args:
        where: the file or source.
        problem: what is wrong and what to do.
        line: the line it was found in, counted from 1.
    """

    def __init__(self, where: str | Path, problem: str, *, line: int | None = None) -> None:
        place = f"{where}{'' if line is None else f', line {line}'}"
        super().__init__(printable(f"{place}: {problem}"))
        self.where = str(where)
        self.problem = problem
        self.line = line

    def __reduce__(self) -> tuple[Any, ...]:
        """So that another process can hand it over."""
        return partial(type(self), line=self.line), (self.where, self.problem)


def require_rate(**rates: float) -> None:
    """Raise ConfigError for the first dropout rate that is not in [0, 1)."""
    for key, rate in rates.items():
        if not 0 <= rate < 1:
            raise ConfigError(key, f"must be at least 0 and below 1, not {rate}")


def require_scale(**scales: float) -> None:
    """Raise ConfigError for the first scale, such as a standard deviation, that is not positive."""
    for key, scale in scales.items():
        if not 0 < scale < math.inf:
            raise ConfigError(key, f"must be above 0 and finite, not {scale}")


def nearest(name: str, options: Iterable[str]) -> str:
    """What a misspelt name may have meant, as the end of a message."""
    options = list(options)
    close = difflib.get_close_matches(name, options, n=1, cutoff=0.6)
    if not close:  # `bta` for `loss.beta`: compare the last part too
        last = name.rpartition(".")[2]
        by_last = {option.rpartition(".")[2]: option for option in options}
        close = [by_last[m] for m in difflib.get_close_matches(last, by_last, n=1, cutoff=0.6)]
    if close:
        return f"; did you mean {close[0]}?"
    return f"; choose from {', '.join(options)}" if len(options) <= 12 else ""


def printable(text: str) -> str:
    r"""Text of others in one line that neither moves a terminal's cursor nor turns its direction.

    Control characters, line breaks and those that are not to be seen stand as ``\x1b``, ``\n``.
    """
    return "".join(
        ascii(each)[1:-1] if unicodedata.category(each) in UNSEEN else each for each in text
    )
