"""Recipes from configs: of a command line, of a composed config, of a recorded run."""

import inspect
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from uniseq.config.build import build
from uniseq.config.check import check_config, takes_argument
from uniseq.config.targets import load as load_target
from uniseq.config.trust import check_trust
from uniseq.errors import ConfigError
from uniseq.ranking.gains import DEFAULT
from uniseq.records.identity import current_config, current_name
from uniseq.records.store import find_record, read_finished
from uniseq.training.nodes import make
from uniseq.training.parts import Items, Ranking, Recipe

if TYPE_CHECKING:
    from uniseq.training.finished import FinishedRun

DATA_DIR = "UNISEQ_DATA_DIR"


def compose(*overrides: str) -> Recipe:
    """The recipe that ``python -m uniseq.run`` with these overrides trains.

    Raises:
        UniseqError: one line a fault.
    """
    from uniseq.config.compose import compose_config

    return recipe(compose_config(overrides))


def recipe(cfg: DictConfig) -> Recipe:
    """The recipe of a config, which is checked; nothing is made yet.

    Raises:
        UniseqError: one line a fault, for all faults.
    """
    plain = check_config(cfg)
    callbacks = cfg.get("callbacks") or {}  # a record of a former version has none
    return Recipe(
        **{key: partial(build, cfg[key]) for key in ("dataset", "backbone", "loss", "similarity")},
        optimizer=_maker(cfg.optimizer),
        scheduler=None if cfg.get("scheduler") is None else _maker(cfg.scheduler),
        trainer=partial(build, cfg.trainer),
        loggers={name: _logger(node) for name, node in _several(cfg.logger)},
        callbacks={str(name): partial(build, node) for name, node in callbacks.items()},
        sphere=None if cfg.sphere is None else partial(build, cfg.sphere),
        items=Items(**plain.get("items", {})),
        ranking=_ranking(plain["ranking"], cfg.ranking),
        seed=plain["seed"],
        name=plain["name"],
        threads=plain["threads"],
        ckpt_path=plain["ckpt_path"],
        resolved=plain,
    )


def try_out(cfg: DictConfig) -> Recipe:
    """The recipe of a config, once each part that needs no data could be made from it.

    Raises:
        UniseqError: one line a fault.
    """
    from uniseq.training.start import require_start

    tried = recipe(cfg)
    tried.ranking.gains()
    for part in ("backbone", "similarity", "loss", "dataset"):
        make(getattr(tried, part))
    for each in (tried.sphere, *tried.callbacks.values()):
        if each is not None:
            make(each)
    _try_optimizer(tried)
    _try_loggers(tried)
    if tried.ckpt_path is not None:
        require_start(Path(tried.ckpt_path), tried.config)
    return tried


def _try_loggers(tried: Recipe) -> None:
    """Let W&B ask for what it lacks now: made, a logger would begin its run."""
    for name, node in _several(tried.config["logger"]):
        kind = load_target(current_name(node["_target_"]))
        if any(each.__name__ == "WandbLogger" for each in inspect.getmro(kind)):
            from uniseq.loggers.wandb import require_account

            try:
                require_account(offline=bool(node.get("offline", False)))
            except ConfigError as fault:
                whole = "_target_" in tried.config["logger"]
                raise fault.under("logger" if whole else f"logger.{name}") from fault


def _try_optimizer(tried: Recipe) -> None:
    """Let the optimizer and its schedule refuse their settings now, not after the data are read."""
    from torch import nn, zeros

    from uniseq.training.schedules import lightning_schedule

    part = "optimizer"
    try:
        optimizer = make(tried.optimizer, [nn.Parameter(zeros(1))])
        if tried.scheduler is not None:
            part = "scheduler"
            lightning_schedule(make(tried.scheduler, optimizer), tried.ranking.watched, 1)
    except (TypeError, ValueError) as error:
        raise ConfigError(part, str(error)) from error


def _ranking(plain: Mapping[str, Any], node: DictConfig) -> Ranking:
    """What is measured; metrics of one's own are made at once, as they need no data."""
    metrics = plain.get("metrics", DEFAULT)  # a record of a former version has none
    own = not all(isinstance(metric, str) for metric in metrics)
    return Ranking(**{**plain, "metrics": list(build(node.metrics)) if own else metrics})


def _maker(node: Any) -> Any:
    """What a partial node makes, built when it is called and not before."""
    return lambda *arguments: build(node)(*arguments)


def _several(logger: Any) -> Iterable[tuple[str, Any]]:
    """One logger, or several by name."""
    if "_target_" in logger:
        return [("logger", logger)]
    return [(str(name), node) for name, node in logger.items()]


def _logger(node: Any) -> Callable[[str], Any]:
    """What makes a logger, in a folder where it takes one."""

    def in_folder(save_dir: str) -> Any:
        takes = takes_argument(node["_target_"], "save_dir")
        return build(node, **({"save_dir": save_dir} if takes else {}))

    return in_folder


def recorded_recipe(
    config: Mapping[str, Any], data_dir: str | None, trust: Collection[str] = (), **here: Any
) -> Recipe:
    """The recipe of a recorded config, with what belongs to a machine set anew.

    Args:
        config: of a record.
        data_dir: folder of the data files here; None downloads them.
        trust: classes that it may name besides those of uniseq, Lightning, torch.optim and
            torchmetrics.
        here: other keys of the config that cannot change a result.

    Raises:
        UniseqError: when it does not fit this version, or names what is not trusted; nothing of
            that is imported.
    """
    machine = {"data_dir": data_dir, "results_dir": "runs", "ckpt_path": None, **here}
    kept = {**current_config(config), **machine}
    source = kept["dataset"].get("source")
    if isinstance(source, Mapping) and "data_dir" in source:
        kept["dataset"] = {**kept["dataset"], "source": {**source, "data_dir": data_dir}}
    recorded = {key: value for key, value in kept.items() if key not in machine}
    check_trust({**recorded, "dataset": config["dataset"]}, trust)
    return recipe(OmegaConf.create(kept))


def load(
    folder: str | Path, data_dir: str | Path | None = None, trust: Collection[str] = ()
) -> "FinishedRun":
    """A finished run: its model at the tested epoch, its data, config, record and ids.

    Args:
        folder: that it was trained into, which holds record.json and checkpoints.
        data_dir: folder of the data files; ``UNISEQ_DATA_DIR`` unless given.
        trust: names of classes that its config may name besides those of uniseq, Lightning,
            torch.optim and torchmetrics, such as ``("mine.Loss",)``: they are imported and called.

    Raises:
        DataError: when it is no finished run, its checkpoint is gone or damaged, or the data here
            are others.
        UniseqError: when its config does not fit this version, or names what is not trusted.
    """
    from uniseq.training.finished import finished_run

    path = find_record(Path(folder))
    record = read_finished(path)
    place = os.environ.get(DATA_DIR) if data_dir is None else str(data_dir)
    made = recorded_recipe(record.config, place, trust, threads=None, logger={})
    return finished_run(made, record, path)
