"""Processes of one run: what is refused, and who writes."""

import os
from collections.abc import Callable
from contextlib import suppress

from lightning.pytorch import Trainer
from lightning.pytorch.strategies import DDPStrategy
from lightning_utilities.core.rank_zero import rank_zero_only

from uniseq.distributed import Share
from uniseq.errors import ConfigError
from uniseq.training.nodes import make


def leads() -> bool:
    """Whether this process is the one that writes: the only one, or that of rank 0."""
    return bool(rank_zero_only.rank == 0)  # type: ignore[attr-defined]  # set by Lightning


def settle_lead(trainer: Callable[..., Trainer]) -> None:
    """Let a process that is the only one of its run lead, whatever its environment says.

    A task of SLURM or torchrun has a rank from the start, and Lightning goes by it. Where the
    trainer takes one process the tasks are runs of their own, each of which writes.

    Args:
        trainer: makes the run's trainer.
    """
    if leads():
        return
    with suppress(Exception):  # what it cannot be made of is said when it is made for the run
        if make(trainer, logger=False, enable_checkpointing=False).world_size == 1:
            rank_zero_only.rank = 0  # type: ignore[attr-defined]


def share_of(
    trainer: Trainer, batch_size: int, threads: int | None, in_sweep: bool
) -> Share | None:
    """What falls to this process of each batch, once its trainer is known to be able to share.

    None where it is the only process.

    Args:
        trainer: not yet started; it starts the other processes itself, by this one's command
            line, or finds itself started as one of them (SLURM, torchrun).
        batch_size: triplets of a batch of all processes.
        threads: CPU threads of each process; None leaves the choice to the trainer.
        in_sweep: whether the command line is that of many runs.

    Raises:
        ConfigError: when this trainer's processes cannot share a run.
    """
    world = trainer.world_size
    if world == 1:
        return None
    strategy = trainer.strategy
    # Others shard parameters, or return nothing from the processes that they fork.
    if type(strategy) is not DDPStrategy or strategy._start_method != "popen":
        raise ConfigError("trainer.strategy", "several processes share a run under ddp only")
    if trainer._accelerator_connector.use_distributed_sampler:
        raise ConfigError(
            "trainer.use_distributed_sampler", "must be false: the data module shares the batches"
        )
    cluster = strategy.cluster_environment
    if in_sweep and not (cluster and cluster.creates_processes_externally):
        raise ConfigError(
            "trainer",
            f"starts {world} processes by repeating the command line, which --multirun cannot: "
            "sweep with trainer.devices=1, or start one run of several processes at a time",
        )
    if batch_size < world:
        raise ConfigError(
            "dataset.batch_size",
            f"{batch_size} triplets cannot be shared by {world} processes; give each at least one",
        )
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)  # else the trainer chooses when it starts
    return Share(trainer.global_rank, world)
