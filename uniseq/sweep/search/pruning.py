"""Pruning: the callback by which a run tells a study its validation figures, and is given up."""

from collections.abc import Sequence

from lightning.pytorch import Callback, LightningModule, Trainer
from optuna.trial import Trial

from uniseq.errors import ConfigError
from uniseq.training.callbacks.epoch_log import EpochLog
from uniseq.training.outcome import Pruned

GIVEN_UP = "given up"


class PruningCallback(Callback):
    """Reports the watched figure after each epoch; gives the run up when the pruner says so.

    That is between two epochs, so that ``last.ckpt`` holds the former one. A run whose last epoch
    this was ends as it would have.

    Args:
        trial: of the study.
        watched: the figure.
    """

    def __init__(self, trial: Trial, watched: str) -> None:
        self.trial = trial
        self.watched = watched
        self.best: float | None = None
        (stored,) = [t for t in trial.study.get_trials(deepcopy=False) if t.number == trial.number]
        self._known = set(stored.intermediate_values)
        # Of a process that was killed before it could act on it.
        self.given_up: str | None = stored.user_attrs.get(GIVEN_UP)

    def report(self, epochs: Sequence[dict[str, float]]) -> None:
        """Tell what the study does not know yet, epoch by epoch."""
        figures = {int(e["epoch"]) + 1: e[self.watched] for e in epochs if self.watched in e}
        self.best = max(figures.values(), default=None)
        for step, figure in figures.items():
            if step in self._known:
                continue
            self._known.add(step)
            self.trial.report(figure, step)
            if self.trial.should_prune() and self.given_up is None:
                self.given_up = (
                    f"{self.watched} {figure:.4f} after {step} epochs is lower than that of the "
                    "trials that go on"
                )
                self.trial.set_user_attr(GIVEN_UP, self.given_up)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse a run that processes share: each would be a trial of its own."""
        if trainer.world_size > 1:
            raise ConfigError("trainer", "a search gives each trial one process, not several")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report the epochs of a run that is resumed."""
        self._look(trainer)
        if not trainer.should_stop:
            self.give_up()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End here what the last epoch has decided."""
        self.give_up()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report the epoch."""
        self._look(trainer)

    def _look(self, trainer: Trainer) -> None:
        self.report(EpochLog.of(trainer).epochs)

    def give_up(self) -> None:
        """Raise if it is decided."""
        if self.given_up is not None:
            raise Pruned(self.given_up)
