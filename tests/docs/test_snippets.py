"""Every command and snippet of README, CONTRIBUTING and docs runs, on tiny data."""

import re
import shlex
import shutil
import sys
from importlib import import_module
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser

from tests.config_runs import TINY, composed
from tests.docs.blocks import KINDS, PAGES, ROOT, Block, blocks, name_of
from uniseq.config.check import check_config

MAKEFILE = (ROOT / "Makefile").read_text()
# What cannot be run here: how often a page has such a block.
UNRUN = {"docs/install.md": 3, "docs/wandb.md": 1}


def _own_log(folder: Path) -> None:
    (text,) = [block.text for block in blocks(ROOT / "docs" / "data.md") if block.kind == "file"]
    (folder / "mine.txt").write_text(text)


def _examples(folder: Path) -> None:
    for path in (ROOT / "experiments" / "examples").glob("*.py"):
        shutil.copy(path, folder)


def _records(folder: Path) -> None:
    for path in (ROOT / "experiments" / "results").glob("beauty_sasrec_b*_dot_*/"):
        shutil.copytree(path, folder / "experiments" / "results" / path.name)


def _finished_run(folder: Path) -> None:
    _command("python -m uniseq.run hydra.run.dir=runs/first")


def _checkpoint(folder: Path) -> None:
    (folder / "runs/NAME/TIME/checkpoints").mkdir(parents=True)
    (folder / "runs/NAME/TIME/checkpoints/last.ckpt").touch()


# What a page's reader has already.
GIVEN = {
    "README.md": [_own_log, _examples],
    "docs/architecture.md": [_checkpoint],
    "docs/report.md": [_records, _finished_run],
    "docs/results.md": [_records],
    "CONTRIBUTING.md": [_records],
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder, whose modules are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "argv", ["uniseq"])
    yield tmp_path
    GlobalHydra.instance().clear()
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_says_how_it_is_checked(page):
    for block in blocks(page):
        assert block.language in KINDS, block.place
        assert block.kind in KINDS[block.language], block.place
        assert bool(block.argument) == (block.kind in ("file", "unrun")), block.place
    directives = page.read_text().count("\n```{")
    assert page.read_text().count("\n```") == 2 * (len(blocks(page)) + directives)


def test_what_is_not_run_is_counted():
    found = {name_of(page): sum(block.kind == "unrun" for block in blocks(page)) for page in PAGES}
    assert {name: count for name, count in found.items() if count} == UNRUN


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=name_of)
def test_the_blocks_of_a_page_work_in_their_order(page, folder, capsys):
    for prepare in GIVEN.get(name_of(page), []):
        prepare(folder)
    output = ""
    for block in blocks(page):
        capsys.readouterr()
        try:
            _check(block, folder, output)
        except BaseException as error:
            raise AssertionError(f"{block.place}: {error}") from error
        output = capsys.readouterr().out if block.kind in ("run", "make") else output


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_first_example_of_an_extension_is_short(page):
    if page.parent.name == "extend" and page.stem != "index":
        first = next(block for block in blocks(page) if block.kind == "file")
        assert len([line for line in first.text.splitlines() if line]) <= 10


def _check(block: Block, folder: Path, output: str) -> None:
    if block.kind == "file":
        (folder / block.argument).write_text(block.text)
    elif block.language == "python":
        exec(compile(block.text, block.place, "exec"), {"__name__": "__main__"})
    elif block.kind == "output":
        lines = iter(map(_shape, output.splitlines()))
        for line in block.text.splitlines():
            assert _shape(line) in lines, f"{line!r} is not printed there"
    elif block.language == "bash":
        check = {"run": _command, "compose": _compose, "make": _make, "unrun": str}[block.kind]
        for command in block.commands:
            check(command)


def _shape(line: str) -> str:
    """A line of output with its numbers left out."""
    return re.sub(r"\d[\d.,]*", "#", line).strip()


def _make(command: str) -> None:
    """The target is there; that of a run is run."""
    target = command.removeprefix("make ")
    recipe = re.search(
        rf"^(?:[\w-]+ )*{target}(?: [\w-]+)*:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE
    )
    assert recipe, f"there is no {target} in the Makefile"
    if target == "run":
        (line,) = [line.strip() for line in recipe[1].splitlines() if "uniseq.run" in line]
        _command(line.replace("$(BIN)/", ""))


def _command(command: str) -> None:
    """A door of the package, in this process."""
    python, m, module, *arguments = shlex.split(command)
    assert (python, m) == ("python", "-m"), f"{command} is no command of the package"
    package = module in ("uniseq", "uniseq.report")
    door = import_module(f"{module}.__main__" if package else module)
    if module == "uniseq.run":
        arguments += _tiny(arguments)
    sys.argv = [f"python -m {module}", *arguments]
    try:
        door.main()
    except SystemExit as ended:
        assert not ended.code, f"{command} ended with status {ended.code}"


def _tiny(arguments: list[str]) -> list[str]:
    """Overrides by which a run takes a second; what the command sets is left as it is."""
    if {"--cfg", "--help"} & set(arguments):
        return []
    given = {argument.lstrip("+").partition("=")[0] for argument in arguments}
    small = [*TINY, "trainer.max_epochs=1"]
    if "dataset" in given:
        small = [each for each in small if not each.startswith("dataset.")]
    if "backbone" in given:
        small = [each for each in small if not each.startswith("backbone.")]
    return [each for each in small if "max_epochs" in each or each.partition("=")[0] not in given]


def _compose(command: str) -> None:
    """A run that would be long: its config is sound, for the first and the last of each axis."""
    _, _, module, *words = shlex.split(command)
    assert module in ("uniseq.run", "uniseq.prepare"), command
    parser = OverridesParser.create()
    axes = [_values(parser.parse_override(word)) for word in words if word != "--multirun"]
    for end in (0, -1):
        plain = check_config(composed([values[end] for values in axes]))
        assert plain["backbone"]["_target_"]


def _values(override) -> list[str]:
    if not override.is_sweep_override():
        return [override.input_line]
    key = override.get_key_element()
    return [f"{key}={value}" for value in override.sweep_string_iterator()]
