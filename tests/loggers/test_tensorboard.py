"""TensorBoard: the curve of the run, not of its former attempts too."""

import pytest
from lightning.pytorch import Callback

from tests.config_runs import TINY, composed, run
from uniseq.config.recipes import recipe
from uniseq.training.train import train

pytest.importorskip("tensorboard", reason="needs pip install uniseq-rec[tensorboard]")
LOGGED = ("logger=tensorboard", "trainer.max_epochs=3")


class Fault(Callback):
    """Ends the third epoch in the midst, with its own figures logged before."""

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.current_epoch == 2:
            trainer.logger.log_metrics({"train/loss": 99.0}, step=trainer.global_step)
            raise RuntimeError("a fault")


def curve(folder, name="train/loss"):
    """Steps and values as TensorBoard draws them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(name)]


def test_an_attempt_that_begins_anew_leaves_its_own_curve_alone(tmp_path):
    run(tmp_path, *LOGGED, "optimizer.lr=0.1")
    former = {*tmp_path.glob("tensorboard/events*")}
    second = run(tmp_path, *LOGGED)
    drawn = curve(tmp_path)
    assert [value for _, value in drawn] == pytest.approx(
        [epoch["train/loss"] for epoch in second.epochs], rel=1e-6
    )
    assert len({step for step, _ in drawn}) == 3
    assert not former & {*tmp_path.glob("tensorboard/events*")}


def test_what_was_logged_after_the_checkpoint_is_taken_back_when_the_run_goes_on(tmp_path):
    folder = tmp_path / "run"
    made = recipe(composed([*TINY, *LOGGED, f"results_dir={tmp_path}"]))
    with pytest.raises(RuntimeError, match="a fault"):
        train(made, folder, watchers=[Fault()])
    assert curve(folder)[-1][1] == 99.0
    record = train(made, folder, resume=folder / "checkpoints" / "last.ckpt")
    assert [value for _, value in curve(folder)] == pytest.approx(
        [epoch["train/loss"] for epoch in record.epochs], rel=1e-6
    )
