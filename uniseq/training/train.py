"""Training: one run is trained, ranked and recorded."""

import math
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uniseq.errors import UniseqError
from uniseq.records.identity import identity, portable
from uniseq.records.ranks import write_ranks
from uniseq.records.record import Record
from uniseq.records.store import write_record
from uniseq.training.curve import draw_curve
from uniseq.training.environment import environment, forget_peak, peak_memory_mb
from uniseq.training.nodes import make
from uniseq.training.outcome import Pruned, cuts_off
from uniseq.training.parts import Recipe
from uniseq.training.signals import plain_interrupts, sigterm_raises

if TYPE_CHECKING:
    from uniseq.data.datamodule import SequenceDataModule


def train(
    recipe: Recipe,
    folder: str | Path,
    resume: Path | None = None,
    watchers: Sequence[Any] = (),
    in_sweep: bool = False,
) -> Record:
    """Train on a data set, test the best epoch, write the record and return it.

    Args:
        recipe: what the run is made of.
        folder: where checkpoints, logs, record and picture go. Of several processes only the
            one of rank 0 writes.
        resume: a last.ckpt of this very run, cut off before, to go on from; the record is then
            that of an uninterrupted one. To go on from another run, set ``ckpt_path`` instead.
        watchers: Lightning callbacks that look on.
        in_sweep: whether the run is one of many of one command line, which the trainer cannot
            repeat to start processes that share it.

    Raises:
        UniseqError: on config or data that cannot be used. A record of the failed run is written
            first.
        Pruned: from a watcher, when a search gives the run up. Its record is written first.
    """
    from uniseq.loggers.wandb import end_run
    from uniseq.training.processes import leads, settle_lead

    settle_lead(recipe.trainer)
    began, folder = time.perf_counter(), Path(folder)
    record = Record(
        status="failed",
        name=recipe.name,
        config=portable(recipe.config),
        config_hash=recipe.config_hash,
        seed=recipe.seed,
        resumed_from=recipe.ckpt_path,
        environment={**environment(), **({"own_code": recipe.code} if recipe.code else {})},
        timings={"wall_s": 0.0},
    )
    forget_peak()
    try:
        with sigterm_raises(), plain_interrupts():
            _train(recipe, folder, record, resume, watchers, in_sweep)
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
        try:
            if leads():
                write_record(folder, record)
        finally:  # a logger that dies now takes no figure with it
            end_run(failed=record.status in ("failed", "interrupted"))
    if leads():
        draw_curve(record, folder / "curve.png")
    return record


def _train(
    recipe: Recipe,
    folder: Path,
    record: Record,
    resume: Path | None,
    watchers: Sequence[Any],
    in_sweep: bool,
) -> None:
    """Make the parts, fit and test; the record is filled as far as the run comes."""
    import torch

    from uniseq.loggers.guard import guard
    from uniseq.losses.base import reads_owned
    from uniseq.ranking.ranks import join_ranks
    from uniseq.training.callbacks.epoch_log import EpochLog
    from uniseq.training.processes import leads, share_of
    from uniseq.training.start import require_start
    from uniseq.training.trainer import begin_logging, make_fit, test_figures

    if recipe.threads is not None:
        torch.set_num_threads(recipe.threads)
    record.environment["threads"] = torch.get_num_threads()
    if recipe.ckpt_path is not None and resume is None:
        require_start(Path(recipe.ckpt_path), recipe.config)
    data = recipe.data
    record.dataset = _facts(data)
    module = recipe.model()
    log = EpochLog(identity(record.config), data.sequences.fingerprint, recipe.code)
    watch = None if recipe.sphere is None else make(recipe.sphere)
    start = resume or (None if recipe.ckpt_path is None else Path(recipe.ckpt_path))
    if start is not None:
        log.check(start)
    fit = make_fit(recipe, folder, start, [log, *([] if watch is None else [watch]), *watchers])
    share = share_of(fit.trainer, data.batch_size, recipe.threads, in_sweep)
    record.environment["processes"] = fit.trainer.world_size
    deaths = guard(fit.trainer)
    record.environment["loggers"] = begin_logging(fit.trainer.loggers, record.config, resume)
    try:
        training = data.train_dataloader(owned=reads_owned(module.loss), share=share)
        validation = data.val_dataloader(share)
        fit.trainer.fit(module, training, validation, ckpt_path=start, weights_only=True)
    finally:
        record.environment["loggers_died"] = deaths
        record.epochs = log.epochs
        record.timings["epochs"] = log.seconds
        record.timings["wall_s"] = log.earlier
        record.sphere = [] if watch is None else watch.measurements
    record.capped, record.stopped = fit.capped, fit.stopped
    if not record.validated:
        raise UniseqError(
            f"training ended before its first validation ({fit.stopped}): let it train for longer, "
            "or lower trainer.check_val_every_n_epoch"
        )
    if log.ranked is not None:
        record.dataset["ranked_users"]["validation"] = log.ranked
    record.best_epoch = int(record.best_of_epochs["epoch"])
    test, best = data.test_dataloader(share), fit.best.best_model_path
    record.test = test_figures(fit.trainer, module, test, ckpt_path=best, weights_only=True)
    record.dataset["ranked_users"]["test"] = module.num_ranked
    for name, value in record.test.items():
        if not math.isfinite(value):
            record.test = {}
            raise UniseqError(f"{name} is {value} in the test: a metric gives no number")
    if not leads():
        return
    ranks = join_ranks(module.ranks)
    record.ranks_file = write_ranks(
        folder, ranks.masked.cpu().numpy(), ranks.unmasked.cpu().numpy()
    ).name
    from uniseq.training.yardsticks import yardsticks  # here, as it loads scipy

    record.yardsticks = yardsticks(data, recipe.ranking.ks, module.metrics, module.num_ranked)


def _facts(data: "SequenceDataModule") -> dict[str, Any]:
    """What a record keeps of its data."""
    from uniseq.data.split import leakage

    sequences = data.sequences
    held_out = {"validation": data.split.validation, "test": data.split.test}
    facts: dict[str, Any] = {
        "name": sequences.name,
        "users": sequences.num_users,
        "items": sequences.num_items,
        "interactions": len(sequences.items),
        "fingerprint": sequences.fingerprint,
        "ranked_users": {part: len(of.users) for part, of in held_out.items()},
    }
    if sequences.times is not None:
        facts["leave_one_out_leaks"] = leakage(sequences)
    return facts
