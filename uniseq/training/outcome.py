"""Outcome of a run before its time: given up by a search, or cut off by the machine."""

import errno


class Pruned(Exception):
    """A search gives a run up: its validation figures are among the lowest. The text says why."""


# What allocators say that raise no error of their own kind: PyTorch's on the CPU is a RuntimeError.
_NO_MEMORY = ("can't allocate memory", "not enough memory", "Cannot allocate memory")


def lacks_memory(error: BaseException) -> bool:
    """Whether there was no memory, of the host or of a GPU."""
    from torch import OutOfMemoryError

    said = str(error)
    return (
        isinstance(error, MemoryError | OutOfMemoryError)
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or (isinstance(error, RuntimeError) and any(words in said for words in _NO_MEMORY))
    )


def cuts_off(error: BaseException) -> bool:
    """Whether the fault lies with the machine, so that the run may go on where it was.

    That is a signal, a full disk, no memory, a broken connection, or the end of a job's time:
    submitit raises that in the midst of training.
    """
    names = {each.__name__ for each in type(error).__mro__}
    return (
        not isinstance(error, Exception)
        or isinstance(error, OSError)
        or lacks_memory(error)
        or "UncompletedJobError" in names
    )


def machines_fault(error: BaseException) -> str | None:
    """What a lack of memory or disk means, in one line; None for any other fault."""
    if lacks_memory(error):
        return (
            "out of memory: lower dataset.batch_size, dataset.negatives, dataset.eval_batch_size "
            "or backbone.dim, or let fewer processes run at a time"
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        full = "no space is left on the disk" if error.errno == errno.ENOSPC else error.strerror
        return f"{error.filename or 'a file of the run'} cannot be written: {full}; make room"
    return None
