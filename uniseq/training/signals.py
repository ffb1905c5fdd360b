"""Signals: Ctrl-C and SIGTERM end a run as exceptions, wherever in it they arrive."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(SystemExit):
    """SIGTERM has arrived. Who does not catch it ends in status 143, as a shell expects."""

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)


def _raise(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # what it interrupts is now to end in peace
    raise Terminated


@contextmanager
def sigterm_raises() -> Iterator[None]:
    """Within it SIGTERM raises :class:`Terminated`, unless somebody handles the signal already.

    The trainer looks for the signal between the batches of training alone: it would be lost in a
    test, and end a process without a word before training.
    """
    unhandled = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if not unhandled or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def plain_interrupts() -> Iterator[None]:
    """Within it a trainer's ``exit(1)`` after Ctrl-C is the KeyboardInterrupt that it was.

    The trainer also has the signal ignored from then on, which is taken back.
    """
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        raise KeyboardInterrupt from None
    finally:
        if main and sys.exc_info()[0] is not None:
            signal.signal(signal.SIGINT, handler)
