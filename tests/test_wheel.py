"""The wheel carries all that a command needs by default, and its commands run from any folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.config_runs import TINY
from uniseq.records.store import read_record

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The unpacked wheel: what an installation puts on the path."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    (wheel,) = folder.glob("uniseq_rec-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A folder outside the checkout, in which the commands run one after the other."""
    return tmp_path_factory.mktemp("elsewhere")


@pytest.fixture
def command(installed, elsewhere):
    """Runs a module of the wheel with arguments and gives what it printed."""

    def run(module, *arguments):
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=elsewhere,
            env=os.environ | {"PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize(
    ("ours", "packed", "pattern"),
    [
        ("conf", "uniseq/conf", "**/*.yaml"),
        ("uniseq/report/paper", "uniseq/report/paper", "*.yaml"),
        ("uniseq/report/writing/templates", "uniseq/report/writing/templates", "*"),
        ("experiments/examples", "uniseq/examples", "*.*"),
        ("uniseq", "uniseq", "**/*.py"),
        ("uniseq", "uniseq", "py.typed"),
        ("hydra_plugins", "hydra_plugins", "**/*.py"),
    ],
)
def test_the_wheel_has_all_files(installed, ours, packed, pattern):
    here, there = (
        {path.relative_to(folder) for path in folder.glob(pattern)}
        for folder in (ROOT / ours, installed / packed)
    )
    assert here - there == set()
    assert here


def test_its_metadata_name_the_distribution(installed):
    import uniseq

    (folder,) = installed.glob("*.dist-info")
    lines = (folder / "METADATA").read_text().splitlines()
    assert "Name: uniseq-rec" in lines
    assert f"Version: {uniseq.__version__}" in lines
    needed = [line for line in lines if line.startswith("Requires-Dist:")]
    assert not [line for line in needed if "uniseq[" in line or "uniseq " in line]
    assert "uniseq = uniseq.run:main" in (folder / "entry_points.txt").read_text()


def test_a_run_its_status_its_figure_and_its_report(command, elsewhere):
    options = ("trainer=smoke", "sphere=watch", "results_dir=here", "seed=0,1")
    command("uniseq.run", "--multirun", *TINY, *options)
    path, _ = sorted(elsewhere.glob("here/**/record.json"))
    record = read_record(path)
    assert record.status == "finished"
    assert record.environment["commit"] is None  # it ran from the wheel, not from the checkout
    assert "2 finished" in command("uniseq.status", "here")
    command("uniseq.figures", "figure1", str(path))
    assert (elsewhere / "figure1.png").stat().st_size > 10_000
    command("uniseq.report", "here", "--out", "report")
    assert "Table 1" in (elsewhere / "report" / "report.md").read_text()
    assert (elsewhere / "report" / "report.html").stat().st_size > 10_000
