"""The commands: each says what it takes, and they end alike."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import uniseq
from uniseq.__main__ import DOORS
from uniseq.cli import complain, ending, plain_output
from uniseq.errors import ConfigError, UniseqError


def test_the_package_lists_its_commands_and_loads_none():
    code = (
        "import sys, runpy; sys.argv = ['uniseq']\n"
        "runpy.run_module('uniseq', run_name='__main__')\n"
        "assert not {'torch', 'hydra', 'lightning', 'rich'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    listed = [line.split()[0] for line in done.stdout.splitlines()[2:]]
    assert listed == [f"uniseq.{door}" for door in DOORS]
    assert "uniseq.run        Train, rank and record one run" in done.stdout


@pytest.mark.parametrize("door", DOORS)
def test_a_command_says_what_it_takes_without_loading_torch(door):
    code = (
        f"import sys, runpy; sys.argv = ['{door}', '--help']\n"
        "try:\n"
        f"    runpy.run_module('uniseq.{door}', run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"python -m uniseq.{door}" in done.stdout


def test_a_command_ends_with_a_line_a_fault(capsys):
    with pytest.raises(SystemExit) as ended, ending():
        raise UniseqError(f"{ConfigError('seed', 'is odd')}\n{ConfigError('name', 'is even')}")
    assert ended.value.code == 1
    assert capsys.readouterr().err == "error: seed: is odd\nerror: name: is even\n"
    complain("lost", "error in process 1: ")
    assert capsys.readouterr().err == "error in process 1: lost\n"
    with pytest.raises(ZeroDivisionError), ending():
        raise ZeroDivisionError


def test_public_names_are_there_and_no_others():
    for name in uniseq.__all__:
        assert getattr(uniseq, name) is not None
    assert set(uniseq.__all__) <= set(dir(uniseq))
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        uniseq.trian  # noqa: B018


@pytest.mark.parametrize(
    ("encoding", "written"), [("ascii", "β × [x]".encode()), ("latin-1", b"? \xd7 [x]")]
)
def test_no_letter_ends_a_command(monkeypatch, encoding, written):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")
    monkeypatch.setattr(sys, "stdout", stream)
    plain_output()
    print("β × [x]", end="", flush=True)
    assert stream.buffer.getvalue() == written


def test_files_are_utf8_in_any_locale(tmp_path):
    committed = next((Path(__file__).parents[2] / "experiments" / "results").rglob("record.json"))
    content = {**json.loads(committed.read_bytes()), "name": "β = .05, é"}
    path = tmp_path / "record.json"
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    code = (
        "from pathlib import Path; from uniseq.records.store import read_record\n"
        "from uniseq.cli import plain_output; plain_output()\n"
        "import sys; print(read_record(Path(sys.argv[1])).name)"
    )
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, env=os.environ | ascii_only
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode() == "β = .05, é\n"
