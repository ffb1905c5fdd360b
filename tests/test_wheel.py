"""The wheel carries its configuration and runs from any folder."""

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
    (wheel,) = folder.glob("uniseq-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_every_config_file_is_in_the_wheel(installed):
    ours = {path.relative_to(ROOT / "conf") for path in (ROOT / "conf").rglob("*.yaml")}
    packed = {
        path.relative_to(installed / "uniseq" / "conf")
        for path in (installed / "uniseq" / "conf").rglob("*.yaml")
    }
    assert ours == packed


def test_the_templates_of_the_report_are_in_the_wheel(installed):
    ours, packed = (
        {path.name for path in (root / "uniseq/report/writing/templates").iterdir()}
        for root in (ROOT, installed)
    )
    assert ours == packed != set()


def test_it_runs_from_another_folder(installed, tmp_path):
    subprocess.run(
        [sys.executable, "-m", "uniseq.run", *TINY, "trainer=smoke", "results_dir=here"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed)},
        check=True,
        capture_output=True,
    )
    (path,) = tmp_path.glob("here/*/*/record.json")
    record = read_record(path)
    assert record.status == "finished"
    assert record.environment["commit"] is None  # it ran from the wheel, not from the checkout
