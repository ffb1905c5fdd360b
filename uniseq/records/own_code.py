"""Own code: what tells a run by a class of one's own from one by the same class as it was before.

A class of this package, of Python or of an installed one is known by its name, and its version
stands in the record. One's own is edited under the same name: so its ``version``, where the class
has one (a text or a number), or else the sha256 of its source, belongs to the run's identity and to
the key of a prepared log. The source is that of the files of the class and its bases, and of all
files of one's own that they take something from.
"""

import hashlib
import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from uniseq.records.identity import identity

INSTALLED = {"site-packages", "dist-packages"}

# By name, with the import that it was read after: what is edited later has not been loaded.
_read: dict[str, tuple[Any, bytes]] = {}


def own_code(config: Mapping[str, Any]) -> dict[str, str]:
    """The classes of one's own that determine a config's result, each with its version or hash."""
    found = {}
    for target in sorted(set(_targets(identity(config)))):
        kind = _loaded(target)
        mark = None if kind is None else version_of(kind)
        if mark is not None:
            found[target] = mark
    return found


def version_of(kind: Any) -> str | None:
    """The version or source's hash of a class or function of one's own; None for any other."""
    modules = _own_modules(kind)
    if not modules:
        return None
    version = getattr(kind, "version", None)
    if isinstance(version, str | int | float):
        return f"version {version}"
    digest = hashlib.sha256()
    for name in sorted(modules):
        digest.update(_source(modules[name]))
    return digest.hexdigest()[:16]


def _targets(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if isinstance(target := node.get("_target_"), str):
            yield target
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from _targets(each)


def _loaded(target: str) -> Any:
    """What a name stands for; None where nothing has that name, which is said when it is built."""
    top, *parts = target.split(".")
    if top == "uniseq" or top in sys.stdlib_module_names or top == "__main__":
        return None
    try:
        found, name = importlib.import_module(top), top
        for part in parts:
            name = f"{name}.{part}"
            if not hasattr(found, part) and inspect.ismodule(found):
                importlib.import_module(name)
            found = getattr(found, part)
    except Exception:  # a module may raise anything while it is imported
        return None
    return found


def _own_modules(kind: Any) -> dict[str, ModuleType]:
    """The modules of one's own that a class or function comes from, by name."""
    found: dict[str, ModuleType] = {}
    bases = inspect.getmro(kind) if inspect.isclass(kind) else (kind,)
    first = _module(kind)
    if first is None or not _is_own(first):
        return found
    waiting = [module for each in bases if (module := _module(each)) is not None]
    while waiting:
        module = waiting.pop()
        if module.__name__ in found or not _is_own(module):
            continue
        found[module.__name__] = module
        waiting += [taken for each in vars(module).values() if (taken := _module(each)) is not None]
    return found


def _module(thing: Any) -> ModuleType | None:
    if inspect.ismodule(thing):
        return thing
    if inspect.isclass(thing) or inspect.isfunction(thing):
        return sys.modules.get(thing.__module__)
    return None


def _is_own(module: ModuleType) -> bool:
    top, file = module.__name__.partition(".")[0], getattr(module, "__file__", None)
    if file is None or top in ("uniseq", "__main__") or top in sys.stdlib_module_names:
        return False
    return not INSTALLED & set(Path(file).parts)


def _source(module: ModuleType) -> bytes:
    spec, content = _read.get(module.__name__, (None, b""))
    if spec is None or spec is not module.__spec__:
        content = Path(str(module.__file__)).read_bytes()
        _read[module.__name__] = (module.__spec__, content)
    return content
