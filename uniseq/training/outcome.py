"""Outcome of a run before its time: given up by a search, or cut off by the machine."""


class Pruned(Exception):
    """A search gives a run up: its validation figures are among the lowest. The text says why."""


def cuts_off(error: BaseException) -> bool:
    """Whether the fault lies with the machine, so that the run may go on where it was.

    That is a signal, a full disk, no memory, a broken connection, or the end of a job's time:
    submitit raises that in the midst of training.
    """
    from torch import OutOfMemoryError

    outside = (OSError, MemoryError, OutOfMemoryError)
    names = {each.__name__ for each in type(error).__mro__}
    return (
        not isinstance(error, Exception)
        or isinstance(error, outside)
        or "UncompletedJobError" in names
    )
