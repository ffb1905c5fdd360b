"""What may be loaded by what."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("uniseq", ["torch", "lightning", "hydra"]),
        ("uniseq.losses", ["lightning", "hydra", "matplotlib"]),
        ("uniseq.backbones", ["lightning", "hydra", "matplotlib"]),
        ("uniseq.ranking", ["lightning", "hydra"]),
        ("uniseq.ranking.gains", ["torch", "torchmetrics", "lightning", "hydra"]),
        ("uniseq.config.check", ["torch", "torchmetrics", "lightning"]),
        ("uniseq.records.store", ["torch", "lightning", "hydra"]),
        ("uniseq.report.__main__", ["torch", "lightning", "hydra", "matplotlib", "scipy"]),
        ("uniseq.training.summary", ["torch", "lightning", "hydra", "matplotlib"]),
    ],
)
def test_a_part_loads_only_what_it_needs(module, absent):
    code = f"import sys, {module}; print(*[name for name in {absent!r} if name in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert loaded.stdout.split() == []


def test_a_run_of_own_parts_is_trained_without_hydra(tmp_path):
    code = (
        "import sys, uniseq; from functools import partial; from lightning.pytorch import Trainer\n"
        "sizes = dict(num_users=60, num_items=40, num_clusters=4, max_length=20)\n"
        "data = partial(uniseq.SequenceDataModule, partial(uniseq.Synthetic, **sizes))\n"
        "trainer = partial(Trainer, max_epochs=1, accelerator='cpu', enable_progress_bar=False)\n"
        "parts = dict(backbone=partial(uniseq.SASRec, dim=8), loss=uniseq.BCELoss)\n"
        "recipe = uniseq.Recipe(dataset=data, trainer=trainer, threads=1, **parts)\n"
        "assert uniseq.train(recipe, 'run').status == 'finished'\n"
        # Lightning loads Hydra where it is installed; the import rules keep training from it.
        "assert not [name for name in sys.modules if name.startswith('uniseq.config')]"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr


def test_the_import_rules_hold():
    from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

    assert lint_imports(cache_dir=None) == EXIT_STATUS_SUCCESS
