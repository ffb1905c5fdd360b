"""Paths of the configuration: inside the installed wheel, or at the top of a checkout."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from uniseq.errors import ConfigError


def conf_dir() -> Path:
    """The absolute folder of ``config.yaml``.

    Raises:
        FileNotFoundError: when the installation is incomplete.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "config.yaml").is_file():
            return folder
    raise FileNotFoundError(f"no conf/config.yaml in {package} or beside it: reinstall uniseq-rec")


def own_conf(arguments: Sequence[str]) -> Path | None:
    """The folder of the user's own configs that a command line names."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config-dir", "-cd", type=Path)
    folder: Path | None = parser.parse_known_args(list(arguments))[0].config_dir
    return folder


def require_own_conf(arguments: Sequence[str]) -> None:
    """Raise unless the folder that a command line names, if any, is there.

    Raises:
        ConfigError: when there is no such folder.
    """
    folder = own_conf(arguments)
    if folder is not None and not folder.is_dir():
        raise ConfigError("--config-dir", f"there is no folder {folder}")


def make_folder(folder: Path, key: str) -> Path:
    """Make the folder that a key names, and give it.

    Raises:
        ConfigError: when it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError as error:
        raise ConfigError(
            key, f"{folder} cannot be made: {error.strerror}; name another"
        ) from error
    if not writable:
        raise ConfigError(key, f"{folder} cannot be written to; name another")
    return folder
