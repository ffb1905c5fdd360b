"""Figure 1 is drawn from records alone."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.commands.test_run import run
from uniseq.figures import main
from uniseq.records.store import write_record
from uniseq.report.writing.figure1 import Curve, _draw_cosines, _draw_uniform

WATCH = ("sphere=watch", "trainer.max_epochs=3")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """With uniformity, measured in epochs 0 and 2; without, in 0 and 1."""
    folder = tmp_path_factory.mktemp("runs")
    with_it = run(folder / "with", *WATCH, "sphere.epochs=[0,2]")
    without = run(folder / "without", *WATCH, "sphere.epochs=[0,1]", "loss=bce", "name=plain")
    return folder, with_it, without


def failure(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["figure1", *map(str, arguments)])
    assert stopped.value.code == 1
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    return message


def test_two_runs_make_a_png_and_an_svg_that_name_everything(runs, tmp_path, capsys):
    folder, with_it, _ = runs
    stem = tmp_path / "new" / "picture.v1"
    main(["figure1", str(folder / "with"), str(folder / "without/record.json"), "--out", str(stem)])
    pictures = [tmp_path / "new" / f"picture.v1.{kind}" for kind in ("png", "svg")]
    assert capsys.readouterr().out.split() == [str(picture) for picture in pictures]
    assert pictures[0].read_bytes().startswith(b"\x89PNG")
    text = pictures[1].read_text()
    for part in (
        with_it.name,
        "plain",
        "Validation NDCG@10 by epoch",
        "Cosines between histories after 1 epoch",  # the last that both measured
        "Cosines between items after 1 epoch",
        "density of pairs, per unit of cosine",
        "uniform on the sphere, d = 16",
        f"mean {with_it.sphere[0]['items']['cosine']['mean']:.3f}".replace("-", "−"),
    ):
        assert f"<!-- {part}" in text or part in text, part


def test_epoch_metric_history_and_labels_are_chosen_and_bytes_repeat(runs, tmp_path):
    folder, *_ = runs
    options = ("--epoch", "1", "--metric", "HR@10", "--history", "unmasked", "--labels", "my label")
    for name in ("a", "b"):
        main(["figure1", str(folder / "without"), *options, "--out", str(tmp_path / name)])
    text = (tmp_path / "a.svg").read_text()
    for part in ("after 2 epochs", "Validation HR@10", "history recommended too", "my label"):
        assert part in text, part
    assert "plain" not in text
    for kind in ("png", "svg"):
        first, second = ((tmp_path / f"{name}.{kind}").read_bytes() for name in ("a", "b"))
        assert first == second


def test_a_run_beside_is_in_the_first_panel_alone_and_early_and_late_epochs_are_drawn(
    runs, tmp_path
):
    folder, with_it, without = runs
    write_record(tmp_path / "raw", replace(without, sphere=[]))
    options = ("--beside", tmp_path / "raw", "--labels", "ours", "raw", "--out", tmp_path / "a")
    main(["figure1", str(folder / "with"), *map(str, options)])
    text = (tmp_path / "a.svg").read_text()
    for part in (
        "Cosines between histories after 1 and 3 epochs",
        "ours, after 1 epoch",
        "ours, after 3 epochs",
        "raw",
    ):
        assert f"<!-- {part}" in text, part
    assert "raw, after" not in text
    for entry in with_it.sphere:
        mean = f"mean {entry['histories']['cosine']['mean']:.3f}".replace("-", "−")
        assert f"<!-- {mean}" in text or mean in text
    main(["figure1", str(folder / "with"), "--epoch", "2", "0", "--out", str(tmp_path / "b")])
    assert "after 1 and 3 epochs" in (tmp_path / "b.svg").read_text()


def test_unusable_records_are_named_in_one_line(runs, tmp_path, capsys):
    folder, _, without = runs
    both = [folder / "with", folder / "without"]
    assert "has not measured epoch 1: choose --epoch from [0, 2]" in failure(
        [*both, "--epoch", 1], capsys
    )
    assert f"{tmp_path / 'record.json'}: is no readable record" in failure([tmp_path], capsys)
    assert "--labels: 1 given for 2 records" in failure([*both, "--labels", "a"], capsys)
    assert "two runs are called plain: tell them apart with --labels" in failure(
        [both[1], both[1]], capsys
    )
    assert "has no masked/HR@7: choose" in failure([both[0], "--metric", "HR@7"], capsys)

    def changed(name, record, **changes):
        write_record(tmp_path / name, replace(record, **changes))
        return tmp_path / name

    unwatched = changed("unwatched", without, sphere=[])
    message = failure([both[0], unwatched], capsys)
    assert f"{unwatched / 'record.json'}: " in message
    assert "train the run again with sphere=watch" in message
    late = changed("late", without, sphere=without.sphere[1:])
    assert "no epoch was measured in all records" in failure([both[0], late], capsys)
    failed = changed("failed", without, epochs=[], status="failed")
    assert "is of a run that is failed and has no epoch" in failure([failed], capsys)
    other = changed("other", without, dataset={"name": "beauty"})
    assert "of one data set" in failure([both[0], other], capsys)
    entry = json.loads(json.dumps(without.sphere[0]))
    entry["histories"] |= {"cosine": None, "uniformity": None}
    collapsed = changed("collapsed", without, sphere=[entry])
    assert "has no cosines of histories in epoch 0" in failure([collapsed], capsys)
    for content in ("[1]", '{"schema": 1, "status": "finished"}'):
        (tmp_path / "odd.json").write_text(content)
        assert "odd.json: is not a record" in failure([tmp_path / "odd.json"], capsys)


def test_the_cosines_are_drawn_as_a_density(runs, tmp_path):
    _, with_it, _ = runs
    axes = Figure().subplots()
    _draw_cosines(axes, Curve(tmp_path, "a", with_it), with_it.sphere[-1], "histories", "C0")
    values, edges, _ = axes.patches[-1].get_data()
    assert np.sum(values * np.diff(edges)) == pytest.approx(1)
    assert (edges[0], edges[-1]) == (-1, 1)
    middles = (edges[1:] + edges[:-1]) / 2
    mean = with_it.sphere[-1]["histories"]["cosine"]["mean"]
    assert np.sum(values * np.diff(edges) * middles) == pytest.approx(mean, abs=2e-3)


@pytest.mark.parametrize("dim", [3, 5, 16, 64])
def test_the_reference_is_the_density_of_uniform_vectors(dim):
    axes = Figure().subplots()
    _draw_uniform(axes, dim)
    x, y = axes.lines[0].get_data()
    assert np.trapezoid(y, x) == pytest.approx(1, rel=1e-3)
    assert np.trapezoid(y * x**2, x) == pytest.approx(1 / dim, rel=1e-3)


def test_drawing_loads_no_torch():
    code = (
        "import sys, uniseq.figures\n"
        "print([n for n in ('torch', 'lightning', 'hydra') if n in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert shown.stdout.strip() == "[]"
