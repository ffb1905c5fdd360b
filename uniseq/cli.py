"""Doors: what every command does alike, from finding one's own classes to its exit status."""

import codecs
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from uniseq.errors import UniseqError, printable


def complain(fault: object, mark: str = "error: ") -> None:
    """Print a fault, a line of which may be one of several, to the standard error."""
    for line in str(fault).split("\n"):
        print(f"{mark}{printable(line)}", file=sys.stderr)


def plain_output() -> None:
    """Let no letter end a command: the output is UTF-8 unless the locale names another encoding.

    Under C or POSIX Python takes ASCII, in which no table can be drawn. Where the locale's encoding
    lacks a letter there is a ``?`` in its place. Files are UTF-8 everywhere.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            ascii_only = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding="utf-8" if ascii_only else None, errors="replace")


@contextmanager
def ending() -> Iterator[None]:
    """Ends the command with status 1, and a line a fault, on input that cannot be used."""
    plain_output()
    try:
        yield
    except UniseqError as error:
        complain(error)
        sys.exit(1)


def own_classes() -> None:
    """Let classes be found in the working folder, also by the console script."""
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
