"""Early stopping by epochs, which a resumed run takes up where it was."""

from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping


class Stopping(EarlyStopping):
    """Ends training after so many epochs without a better figure.

    Where only every n-th epoch is validated, that is at the first validation that finds the
    epochs used up. Before ``min_epochs`` and ``min_steps`` of the trainer it asks for nothing, and
    what it would have asked then is asked anew: a better epoch may have come. A run cut off after
    it had stopped trains no further when it is resumed.

    Args:
        monitor: the watched figure, which is to be high.
        epochs: the patience.
    """

    def __init__(self, monitor: str, epochs: int) -> None:
        super().__init__(monitor, mode="max", patience=epochs, check_on_train_epoch_end=True)
        self.epochs = epochs
        self.asked = False  # whether it is the one that ends training

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Count the patience in validations."""
        super().setup(trainer, pl_module, stage)
        self.patience = -(-self.epochs // (trainer.check_val_every_n_epoch or 1))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop at once where the patience is used up."""
        self.asked = self._is_over(trainer, trainer.current_epoch)
        trainer.should_stop |= self.asked

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the figure of this epoch's validation, if there was one."""
        if (trainer.current_epoch + 1) % (trainer.check_val_every_n_epoch or 1) == 0:
            before = trainer.should_stop
            super().on_train_epoch_end(trainer, pl_module)
            self.asked = self._is_over(trainer, trainer.current_epoch + 1)
            trainer.should_stop = before or self.asked

    def _is_over(self, trainer: Trainer, done: int) -> bool:
        """Whether the patience is used up and, after so many epochs, training may end."""
        least_epochs, least_steps = trainer.min_epochs or 0, trainer.min_steps or 0
        may_end = done >= least_epochs and trainer.global_step >= least_steps
        return may_end and self.wait_count >= self.patience

    def state_dict(self) -> dict[str, Any]:
        """What the next process needs to go on."""
        return {**super().state_dict(), "asked": self.asked}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over how long the interrupted run has waited, and whether it had stopped."""
        super().load_state_dict(state_dict)
        # A checkpoint of a former version tells it by the epoch alone.
        self.asked = state_dict.get("asked", state_dict["stopped_epoch"] > 0)
