"""Charts have a point for each epoch that was measured, and none for the others."""

from tests.report.cases import on_disk, record, table
from uniseq.report.contents import gather
from uniseq.report.writing.charts import learning_curves


def test_a_learning_curve_has_the_epochs_that_were_validated(tmp_path):
    watched = [{"val/masked/NDCG@10": value} for value in (0.1, 0.3, 0.2)]
    epochs = [{"epoch": epoch} | (watched[epoch // 2] if epoch % 2 else {}) for epoch in range(6)]
    on_disk(tmp_path, record("base", epochs=epochs))
    report = gather(tmp_path, tmp_path, [table()])
    assert report.unreadable == []
    (chart,) = learning_curves(report.sections[0])
    (line,) = chart.lines
    assert (chart.title, line.label) == ("One · Net", "Base, seed 0")
    assert (line.x, line.y, line.dot) == ([2, 4, 6], [0.1, 0.3, 0.2], 1)


def test_a_finished_run_without_a_validated_epoch_is_unreadable(tmp_path):
    on_disk(tmp_path, record("base", epochs=[{"epoch": 0}]))
    report = gather(tmp_path, tmp_path, [table()])
    assert "epochs, val/masked/NDCG@10: is not there" in str(report.unreadable[0])
