"""The README's commands are real."""

import re
import shlex
from pathlib import Path

import pytest

from tests.config_runs import composed
from uniseq.config.check import check_config

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^    python -m uniseq\.run (.+)$", TEXT, re.MULTILINE)
BLOCKS = re.findall(r"\n\n((?:    import .*\n)(?:(?:    .*)?\n)+)", TEXT)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_composes_to_a_sound_config(command, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "experiments" / "examples"))
    overrides = [word for word in shlex.split(command) if word != "--multirun"]
    plain = check_config(composed([word.partition(",")[0] for word in overrides]))
    assert plain["seed"] == 0


def test_the_python_example_runs():
    (block,) = BLOCKS
    names = {}
    exec(re.sub(r"^    ", "", block, flags=re.MULTILINE), names)
    assert names["regulariser"].item() > 0


def test_the_choices_in_the_table_are_the_files():
    for group, listed in re.findall(r"^\| `(\w+)` \| (.+?)(?:;.*)? \|$", TEXT, re.MULTILINE):
        files = {path.stem for path in (ROOT / "conf" / group).glob("[!_]*.yaml")}
        assert set(re.findall(r"`(\w+)`", listed)) == files, group


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^    make ([\w-]+)", TEXT, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
