"""Where the configuration lies: inside the installed wheel, or at the top of a checkout."""

from pathlib import Path


def conf_dir() -> Path:
    """The absolute folder of ``config.yaml``.

    Raises:
        FileNotFoundError: when the installation is incomplete.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "config.yaml").is_file():
            return folder
    raise FileNotFoundError(f"no conf/config.yaml in {package} or beside it: reinstall uniseq")
