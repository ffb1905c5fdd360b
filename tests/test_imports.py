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


def test_the_import_rules_hold():
    from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

    assert lint_imports(cache_dir=None) == EXIT_STATUS_SUCCESS
