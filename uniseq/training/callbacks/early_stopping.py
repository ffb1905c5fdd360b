"""Early stopping that a resumed run takes up where it was."""

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping


class Stopping(EarlyStopping):
    """Early stopping; a run cut off after it had stopped trains no further when it is resumed."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop at once where the patience is used up."""
        if self.wait_count >= self.patience:
            trainer.should_stop = True
