"""Early stopping by epochs, which a resumed run takes up where it was."""

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping


class Stopping(EarlyStopping):
    """Ends training after so many epochs without a better figure.

    Where only every n-th epoch is validated, that is at the first validation that finds the
    epochs used up. A run cut off after it had stopped trains no further when it is resumed.

    Args:
        monitor: the watched figure, which is to be high.
        epochs: the patience.
    """

    def __init__(self, monitor: str, epochs: int) -> None:
        super().__init__(monitor, mode="max", patience=epochs, check_on_train_epoch_end=True)
        self.epochs = epochs

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Count the patience in validations."""
        super().setup(trainer, pl_module, stage)
        self.patience = -(-self.epochs // (trainer.check_val_every_n_epoch or 1))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop at once where the patience is used up."""
        if self.wait_count >= self.patience:
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the figure of this epoch's validation, if there was one."""
        if (trainer.current_epoch + 1) % (trainer.check_val_every_n_epoch or 1) == 0:
            super().on_train_epoch_end(trainer, pl_module)
