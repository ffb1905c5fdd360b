"""What a run loads on its way to the first training step."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.config_runs import TINY

SCRIPT = Path(__file__).parents[2] / "experiments" / "bench" / "startup.py"


def test_nothing_heavy_is_loaded_before_the_first_step_that_it_does_not_use(tmp_path):
    lines = [f"{user} {user} {user + 1} {user + 2} {user + 3}" for user in range(1, 20)]
    (tmp_path / "log.txt").write_text("\n".join(lines) + "\n")
    tiny = [override for override in TINY if not override.startswith("dataset.")]
    source = ("dataset=file", "dataset.source.file=log.txt", f"data_dir={tmp_path}")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--once", *tiny, *source],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    # Rich is loaded by Lightning's callbacks, and prints the summary.
    assert found["heavy"] == ["rich"]
    assert found["cpu_s"] > 0
    assert not list(tmp_path.glob("runs"))


def test_torchmetrics_counts_as_ever_after_it_was_loaded_without_its_extras():
    code = (
        "from uniseq.startup import load_trainer; load_trainer()\n"
        "import sys, torch; assert not {'scipy', 'matplotlib'} & set(sys.modules)\n"
        "from uniseq.ranking import ranking_metrics\n"
        "metrics = ranking_metrics([1]); metrics.update(torch.tensor([1, 2]))\n"
        "import matplotlib.axes, scipy.signal\n"
        "print({name: value.item() for name, value in metrics.compute().items()})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "{'HR@1': 0.5, 'MRR@1': 0.5, 'NDCG@1': 0.5}"


def test_what_a_sweep_needs_before_the_trainer_is_loaded_loads_none_of_it():
    modules = ["hydra_plugins.uniseq_sweeper", "uniseq.sweep.request"]
    if find_spec("optuna") is not None:
        modules.append("uniseq.sweep.search.plan")
    code = (
        f"import sys, {', '.join(modules)}\n"
        "print({'lightning', 'torchmetrics'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "set()"
