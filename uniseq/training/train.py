"""Train, rank and record one run."""

import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from uniseq.config.check import build, check_config
from uniseq.errors import UniseqError
from uniseq.loggers.base import Resumes
from uniseq.records.identity import hash_config, identity, portable
from uniseq.records.record import Record, watched
from uniseq.records.store import write_ranks, write_record
from uniseq.training.curve import draw_curve
from uniseq.training.outcome import Pruned, cuts_off


def train(
    cfg: DictConfig, folder: Path, resume: Path | None = None, watchers: Sequence[Any] = ()
) -> Record:
    """Train on a data set, test the best epoch, write the record and return it.

    Args:
        cfg: a composed config.
        folder: where checkpoints, logs, record and picture go. Of several processes only the
            one of rank 0 writes.
        resume: a last.ckpt of this very run, cut off before, to go on from; the record is then
            that of an uninterrupted one. To go on from another run, set ``ckpt_path`` instead.
        watchers: Lightning callbacks that look on.

    Raises:
        UniseqError: on config or data that cannot be used. A record of the failed run is written
            first.
        Pruned: from a watcher, when a search gives the run up. Its record is written first.
    """
    from uniseq.training.environment import environment, forget_peak, peak_memory_mb
    from uniseq.training.processes import leads

    began = time.perf_counter()
    plain = check_config(cfg)
    record = Record(
        status="failed",
        name=plain["name"],
        config=portable(plain),
        config_hash=hash_config(identity(plain)),
        seed=plain["seed"],
        resumed_from=plain["ckpt_path"],
        environment=environment(),
        timings={"wall_s": 0.0},
    )
    forget_peak()
    try:
        _train(cfg, folder, record, resume, watchers)
        record.status = "finished"
    except Pruned as error:
        record.status, record.stopped = "pruned", str(error)
        raise
    except BaseException as error:
        record.status = "interrupted" if cuts_off(error) else "failed"
        record.error = {"type": type(error).__name__, "message": str(error)}
        if not isinstance(error, UniseqError):  # another process may not show it
            record.error["traceback"] = traceback.format_exc()
        raise
    finally:
        record.timings["wall_s"] += time.perf_counter() - began
        record.timings["peak_memory_mb"] = peak_memory_mb()
        _finish_wandb(failed=record.status in ("failed", "interrupted"))
        if leads():
            write_record(folder, record)
    if leads():
        draw_curve(record, folder / "curve.png")
    return record


def _train(
    cfg: DictConfig, folder: Path, record: Record, resume: Path | None, watchers: Sequence[Any]
) -> None:
    """Fill the record as far as the run comes."""
    import torch
    from lightning.pytorch import seed_everything

    from uniseq.data.split import leakage
    from uniseq.ranking.ranks import join_ranks
    from uniseq.training.callbacks.checkpoints import steps_of
    from uniseq.training.callbacks.history import History
    from uniseq.training.module import SequentialRecommender
    from uniseq.training.processes import leads, share_of

    if cfg.threads is not None:
        torch.set_num_threads(cfg.threads)
    record.environment["threads"] = torch.get_num_threads()
    data = build(cfg.dataset)
    sequences = data.sequences
    record.dataset = {
        "name": sequences.name,
        "users": sequences.num_users,
        "items": sequences.num_items,
        "interactions": len(sequences.items),
        "fingerprint": sequences.fingerprint,
    }
    held_out = {"validation": data.split.validation, "test": data.split.test}
    record.dataset["ranked_users"] = {part: len(of.users) for part, of in held_out.items()}
    if sequences.times is not None:
        record.dataset["leave_one_out_leaks"] = leakage(sequences)
    seed_everything(cfg.seed, verbose=False)
    loss = build(cfg.loss)
    data.owned = getattr(loss, "reads_owned", False)
    module = SequentialRecommender(
        backbone=build(cfg.backbone),
        similarity=build(cfg.similarity),
        loss=loss,
        optimizer=build(cfg.optimizer),
        num_items=sequences.num_items,
        start_token=data.empty_history,
        ks=list(cfg.ranking.ks),
        seed=cfg.seed,
    )
    history = History(identity(record.config))
    watch = build(cfg.sphere)
    kept = [history] if watch is None else [history, watch]
    start = cfg.ckpt_path if resume is None else str(resume)
    trainer, stopping, best = _trainer(cfg, folder, start, [*kept, *watchers])
    data.share = share_of(trainer, data.batch_size, cfg.threads)
    record.environment["processes"] = data.share.world
    steps = None if resume is None else steps_of(resume)
    for logger in trainer.loggers:
        if steps is not None and isinstance(logger, Resumes):
            logger.resume(steps)
        logger.log_hyperparams(record.config)
        record.environment["logger"] = {"type": type(logger).__name__, "run": logger.version}
    try:
        trainer.fit(module, datamodule=data, ckpt_path=start, weights_only=True)
    finally:
        record.epochs = history.epochs
        record.timings["epochs"] = history.seconds
        record.timings["wall_s"] = history.earlier
        record.sphere = [] if watch is None else watch.measurements
    record.stopped = (
        f"no better {stopping.monitor} for {stopping.patience} epochs"
        if stopping.stopped_epoch
        else f"cap of {trainer.max_epochs} epochs reached"
    )
    tested = max(history.epochs, key=lambda epoch: epoch[stopping.monitor])
    record.best_epoch = int(tested["epoch"])
    trainer.test(
        module, datamodule=data, ckpt_path=best.best_model_path, verbose=False, weights_only=True
    )
    record.test = {
        name.removeprefix("test/"): float(value)
        for name, value in trainer.callback_metrics.items()
        if name.startswith("test/")
    }
    if not leads():
        return
    ranks = join_ranks(module.ranks)
    record.ranks_file = write_ranks(
        folder, ranks.masked.cpu().numpy(), ranks.unmasked.cpu().numpy()
    ).name
    from uniseq.training.yardsticks import yardsticks  # here, as it loads scipy

    record.yardsticks = yardsticks(data, list(cfg.ranking.ks))


def _trainer(
    cfg: DictConfig, folder: Path, start: str | None, kept: list[Any]
) -> tuple[Any, Any, Any]:
    """The trainer with the callbacks ``kept``, early stopping and the best checkpoint."""
    from uniseq.training.callbacks.checkpoints import (
        AtomicCheckpointIO,
        BestCheckpoint,
        LastCheckpoint,
    )
    from uniseq.training.callbacks.early_stopping import Stopping
    from uniseq.training.callbacks.memory_trim import HostMemoryTrim

    monitor = watched(cfg)
    stopping = Stopping(monitor, mode="max", patience=cfg.ranking.patience)
    best = BestCheckpoint(folder / "checkpoints", monitor, None if start is None else Path(start))
    # In this order: the last checkpoint holds the others' state at the end of its epoch.
    last = LastCheckpoint(folder / "checkpoints")
    callbacks = [*kept, stopping, best, last, HostMemoryTrim()]
    if cfg.trainer.get("enable_progress_bar", True):
        from lightning.pytorch.callbacks import RichProgressBar

        # Drawn anew at each step it takes a sixth of an epoch on Beauty.
        callbacks.append(RichProgressBar(refresh_rate=20, leave=False))
    trainer = build(
        cfg.trainer,
        callbacks=callbacks,
        logger=build(cfg.logger, save_dir=str(folder)),
        default_root_dir=str(folder),
        plugins=[AtomicCheckpointIO()],
    )
    return trainer, stopping, best


def _finish_wandb(failed: bool) -> None:
    """End the W&B run, if there is one, so that the next run of a sweep gets its own."""
    wandb = sys.modules.get("wandb")
    if wandb is not None and wandb.run is not None:
        wandb.finish(exit_code=int(failed))
