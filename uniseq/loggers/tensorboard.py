"""TensorBoard: event files that hold one curve, whatever attempts there were before."""

from pathlib import Path

from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only


@rank_zero_only
def one_curve(logger: TensorBoardLogger, step: int | None) -> None:
    """Leave of a former attempt in the same folder what this one goes on from.

    Each attempt adds a file, and TensorBoard draws all of them.

    Args:
        logger: which has written nothing yet.
        step: training steps in the checkpoint that the run goes on from, at which TensorBoard takes
            back what was logged from there on; None for a run that begins, whose folder is cleared
            of event files.
    """
    if step is not None:
        logger._kwargs.setdefault("purge_step", step)
        return
    for former in Path(logger.log_dir).glob("events.out.tfevents.*"):
        former.unlink()
