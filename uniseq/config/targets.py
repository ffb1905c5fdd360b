"""Targets: what the dotted name of a class or function stands for."""

import importlib
import inspect
import sys
from importlib.util import find_spec
from typing import Any

from uniseq.errors import ConfigError
from uniseq.records.identity import current_name


def load(target: str) -> Any:
    """What a dotted name stands for; its module is imported, nothing is called.

    Raises:
        ConfigError: named ``_target_``, when it cannot be imported.
    """
    top, *parts = current_name(target).split(".")
    try:
        # Who imports __main__ of a package runs it.
        if not all([top, *parts]) or any(part.startswith("__") for part in parts):
            raise ImportError(f"{target} is not the dotted name of a class")
        found, name = importlib.import_module(top), top
        for part in parts:
            name = f"{name}.{part}"
            if not hasattr(found, part) and inspect.ismodule(found) and _is_module(name):
                importlib.import_module(name)
            found = getattr(found, part)
        return found
    except Exception as error:  # a module may raise anything while it is imported
        there = bool(top) and _is_module(top)
        where = "run where its file lies, or name that folder in PYTHONPATH"
        said = str(error).partition("\n")[0] or type(error).__name__
        raise ConfigError(
            "_target_", f"cannot be imported: {said}; {'check its name' if there else where}"
        ) from error


def is_pythons(name: str) -> bool:
    """Whether a dotted name is of Python's own library."""
    return name.partition(".")[0] in sys.stdlib_module_names


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ModuleNotFoundError, ValueError):  # what holds it is no package, or it is a script
        return False
