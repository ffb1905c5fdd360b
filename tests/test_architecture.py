"""The house: every module has its place in the layers, and a name of the field."""

import ast
import tomllib
from pathlib import Path

import pytest

import uniseq

PACKAGE = Path(uniseq.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = {"utils", "util", "common", "helpers", "helper", "core", "misc", "base_utils", "tools"}


def module_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layers():
    """The modules that the layers name."""
    content = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())
    (found,) = [c for c in content["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]
    return {name.strip() for layer in found["layers"] for name in layer.split("|")}


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_every_module_stands_in_a_layer(path):
    module = module_of(path)
    if module in ("uniseq", "uniseq.__main__"):  # they load what they name when it is asked for
        return
    assert any(module == name or module.startswith(f"{name}.") for name in layers())


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_a_module_says_what_it_holds_and_is_read_in_one_sitting(path):
    text = path.read_text()
    assert not NAMES & set(module_of(path).split("."))
    docstring = ast.get_docstring(ast.parse(text)) or ""
    assert docstring.partition("\n")[0].rstrip().endswith((".", "``")), docstring
    assert len(text.splitlines()) <= 300


def test_the_top_level_holds_the_doors_and_the_ground_alone():
    assert len(list(PACKAGE.glob("[!_]*.py"))) <= 16
