"""Start-up: the trainer without what a run does not use, a quarter of the way to a step."""

import gc
import importlib
import logging
import sys
import warnings
from importlib.metadata import PackageNotFoundError
from typing import Any

# torchmetrics loads them wherever they are installed, for plots and for audio.
UNUSED = ("matplotlib", "scipy")


def load_trainer() -> None:
    """Load Lightning, silenced, and torchmetrics as if what it does not need were not installed.

    For the command line alone: in this process torchmetrics' own ``plot`` methods then ask for
    matplotlib. Both packages load as ever when the run comes to its curve and its yardsticks.
    """
    if "lightning.pytorch" not in sys.modules:
        # The collector would look through the growing heap of modules again and again for nothing.
        gc.disable()
        try:
            _load()
        finally:
            gc.enable()
        gc.freeze()
    _quiet()


def _load() -> None:
    if "torchmetrics" not in sys.modules:
        try:
            _load_without(UNUSED)
        except (AttributeError, ImportError):  # another release looks for them in another way
            for name in [name for name in sys.modules if name.partition(".")[0] == "torchmetrics"]:
                del sys.modules[name]
    importlib.import_module("lightning.pytorch")


def _load_without(packages: tuple[str, ...]) -> None:
    imports: Any = importlib.import_module("lightning_utilities.core.imports")
    version, absent = imports._version, [name for name in packages if name not in sys.modules]

    def version_of(name: str) -> str:
        if name in absent:
            raise PackageNotFoundError(name)
        return str(version(name))

    imports._version = version_of
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None: not to be found
    imports.package_available.cache_clear()
    try:
        importlib.import_module("torchmetrics")
    finally:
        imports._version = version
        for name in absent:
            del sys.modules[name]
        imports.package_available.cache_clear()
        imports.module_available.cache_clear()


def _quiet() -> None:
    """Leave out the notices that a user can do nothing about."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in (
        ".*does not have many workers.*",
        ".*treespec.*is deprecated.*",
        ".*Checkpoint directory .* exists and is not empty.*",
        ".*Experiment logs directory .* exists and is not empty.*",
        ".*no logger configured.*",
        ".*LightningModule.configure_optimizers. returned `None`.*",
        ".*The number of training batches .* is smaller than the logging interval.*",
        ".*recommended to use `self.log.*sync_dist=True.*",  # all processes log the same
    ):
        warnings.filterwarnings("ignore", message)
