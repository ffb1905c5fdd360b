"""Recipe: what a run is made of, as its resolved config and as parts made when they are needed."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal

from uniseq.errors import ConfigError, require_scale
from uniseq.ranking.gains import DEFAULT, Gain, by_name, check_monitor
from uniseq.records.identity import hash_config, identity, run_id
from uniseq.records.names import single_part
from uniseq.records.own_code import own_code
from uniseq.training.nodes import make, node_of

if TYPE_CHECKING:  # a recipe is made, and its config checked, before torch is loaded
    from lightning.pytorch import Callback, Trainer
    from lightning.pytorch.loggers import Logger
    from torch import nn
    from torch.optim import Optimizer

    from uniseq.backbones.base import Backbone
    from uniseq.data.datamodule import SequenceDataModule
    from uniseq.losses.base import Loss
    from uniseq.similarity import Similarity
    from uniseq.training.callbacks.sphere_watch import SphereWatch
    from uniseq.training.module import SequentialRecommender


@dataclass(frozen=True, slots=True)
class Ranking:
    """What is measured, and which figure early stopping watches.

    Args:
        ks: cut-offs K of the metrics.
        history: whether the watched figure ranks with the user's history masked or not; both
            are always measured.
        monitor: the watched metric.
        patience: epochs without a better watched figure before training stops.
        metrics: names in :data:`uniseq.ranking.gains.METRICS`, such as HR, or one's own: a class,
            a function, or a partial of one, that gives gains as
            :class:`uniseq.ranking.gains.Gain` does.
    """

    ks: Sequence[int] = (10,)
    history: Literal["masked", "unmasked"] = "masked"
    monitor: str = "NDCG@10"
    patience: int = 20
    metrics: Sequence[Any] = DEFAULT

    def gains(self) -> dict[str, Gain]:
        """The metrics by name, those of one's own made.

        Raises:
            ConfigError: for one that there is not or that cannot be made, or when the watched
                figure is not among them.
        """
        try:
            made = [_gain(number, metric) for number, metric in enumerate(self.metrics)]
            gains = by_name(made)
            check_monitor(self.monitor, gains, self.ks)
        except ConfigError as fault:
            raise fault.under("ranking") from fault
        return gains

    @property
    def watched(self) -> str:
        """The watched validation figure, such as ``val/masked/NDCG@10``."""
        return f"val/{self.history}/{self.monitor}"


@dataclass(frozen=True, slots=True)
class Items:
    """The table of item embeddings.

    Args:
        std: standard deviation σ of the normal distribution N(0, σ²) that the embeddings start
            from.

    Raises:
        ConfigError: when ``std`` is not positive and finite.
    """

    std: float = 0.02

    def __post_init__(self) -> None:
        require_scale(std=self.std)


def _gain(number: int, metric: Any) -> Any:
    """A metric by name, or the function of one's own; a class is made."""
    kind = metric.func if isinstance(metric, partial) else metric
    if not inspect.isclass(kind):
        return metric
    try:
        return make(metric)
    except ConfigError as fault:
        raise fault.under(f"metrics[{number}]") from fault
    except (TypeError, ValueError) as error:
        raise ConfigError(f"metrics[{number}]", str(error)) from error


# What a recipe takes where it is given nothing. That is what conf/ gives, as a test has it.
def _cosine() -> "Callable[[], Similarity]":
    from uniseq.similarity import Cosine

    return Cosine


def _adam() -> "Callable[[Iterable[nn.Parameter]], Optimizer]":
    from uniseq.embedding.rowwise_adam import RowwiseAdam

    return partial(RowwiseAdam, lr=3e-4, weight_decay=0.0, fused=True)


def _trainer() -> "Callable[..., Trainer]":
    from lightning.pytorch import Trainer

    return partial(
        Trainer,
        max_epochs=200,
        accelerator="auto",
        devices=1,
        num_sanity_val_steps=0,
        check_val_every_n_epoch=1,
        enable_model_summary=False,
        enable_progress_bar=True,
        log_every_n_steps=1000,
        use_distributed_sampler=False,
    )


def _csv() -> "Mapping[str, Callable[..., Logger]]":
    from uniseq.loggers.csv import CSVLogger

    return {"csv": partial(CSVLogger, name="", version="")}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that determines a run. Each part is a class or a ``functools.partial`` of one.

    Nothing is made before it is needed: training makes the parts, so that one that cannot be made
    still leaves its record. The data set is made once and kept.

    Args:
        dataset: makes the data module.
        backbone: makes the sequence encoder.
        loss: makes the loss.
        similarity: makes the similarity; the cosine unless given.
        optimizer: makes the optimizer from the parameters; Adam with a learning rate of 3e-4 unless
            given.
        scheduler: makes the learning rate's schedule from the optimizer, see
            :mod:`uniseq.training.schedules`.
        trainer: makes the Lightning trainer, given ``callbacks``, ``logger``, ``plugins`` and
            ``default_root_dir``; one of at most 200 epochs unless given.
        loggers: each makes a logger, given ``save_dir`` if it takes one; a CSV file unless given.
        callbacks: each makes a Lightning callback of one's own.
        sphere: makes the callback that measures the sphere.
        items: how the item embeddings start.
        ranking: what is measured.
        seed: of everything that is random.
        name: of the run, for people.
        threads: CPU threads; None leaves them.
        ckpt_path: a last.ckpt of another run to go on from.
        resolved: the config that the parts are made from; None tells it from the parts.
    """

    dataset: "Callable[[], SequenceDataModule]"
    backbone: "Callable[[], Backbone]"
    loss: "Callable[[], Loss]"
    similarity: "Callable[[], Similarity]" = field(default_factory=_cosine)
    optimizer: "Callable[[Iterable[nn.Parameter]], Optimizer]" = field(default_factory=_adam)
    scheduler: Callable[..., Any] | None = None
    trainer: "Callable[..., Trainer]" = field(default_factory=_trainer)
    loggers: "Mapping[str, Callable[..., Logger]]" = field(default_factory=_csv)
    callbacks: "Mapping[str, Callable[[], Callback]]" = field(default_factory=dict)
    sphere: "Callable[[], SphereWatch] | None" = None
    items: Items = field(default_factory=Items)
    ranking: Ranking = field(default_factory=Ranking)
    seed: int = 0
    name: str = "run"
    threads: int | None = None
    ckpt_path: str | None = None
    resolved: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Refuse a name that leads elsewhere.

        Raises:
            ConfigError: naming it.
        """
        try:
            single_part(self.name)
        except ValueError as error:
            raise ConfigError("name", str(error)) from error

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved config, with the keys of ``conf/config.yaml``.

        Raises:
            ConfigError: when it is to be told from a part that is neither a class nor a partial
                of one.
        """
        if self.resolved is not None:
            return dict(self.resolved)
        parts = (
            *("dataset", "backbone", "loss", "similarity", "optimizer", "scheduler"),
            *("trainer", "sphere"),
        )
        told = {name: node_of(name, getattr(self, name)) for name in parts}
        for name in ("optimizer", "scheduler"):
            if told[name] is not None:
                told[name] |= {"_partial_": True}
        several = {
            group: {name: node_of(f"{group}.{name}", part) for name, part in made.items()}
            for group, made in (("callbacks", self.callbacks), ("logger", self.loggers))
        }
        plain = {name: getattr(self, name) for name in ("seed", "name", "threads", "ckpt_path")}
        groups = {
            group: {
                each.name: node_of(f"{group}.{each.name}", getattr(values, each.name))
                for each in fields(values)
            }
            for group, values in (("items", self.items), ("ranking", self.ranking))
        }
        places: dict[str, Any] = {
            "data_dir": None,
            "results_dir": None,
            "group": self.name,
            "tags": [],
        }
        return {**told, **several, **plain, **places, **groups}

    @cached_property
    def config_hash(self) -> str:
        """A short hash of what determines the result, but for the data themselves."""
        return hash_config(identity(self.config))

    @cached_property
    def code(self) -> dict[str, str]:
        """Classes of one's own that determine the result, each with its version or its hash."""
        return own_code(self.config)

    @cached_property
    def data(self) -> "SequenceDataModule":
        """The data module, made once."""
        return make(self.dataset)  # type: ignore[no-any-return]

    @cached_property
    def id(self) -> str:
        """What tells the run from all others; the data are read for it."""
        return self.id_on(self.data.sequences.fingerprint)

    def id_on(self, fingerprint: str) -> str:
        """The same on data with a fingerprint, which are not read for it."""
        return run_id(self.config_hash, fingerprint, self.code)

    def model(self) -> "SequentialRecommender":
        """A new model, its parameters drawn from the seed; the data are read for it first."""
        from lightning.pytorch import seed_everything

        from uniseq.training.module import SequentialRecommender

        data = self.data  # before the seed: a source may draw
        seed_everything(self.seed, verbose=False)
        loss = make(self.loss)
        return SequentialRecommender(
            backbone=make(self.backbone),
            similarity=make(self.similarity),
            loss=loss,
            optimizer=partial(make, self.optimizer),
            scheduler=None if self.scheduler is None else partial(make, self.scheduler),
            watched=self.ranking.watched,
            num_items=data.sequences.num_items,
            start_token=data.empty_history,
            std=self.items.std,
            ks=self.ranking.ks,
            metrics=self.ranking.gains(),
            seed=self.seed,
        )
