"""Environment of a run: versions, commit, machine, and its peak of memory."""

import platform
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from uniseq.version import __version__


def forget_peak() -> None:
    """Let the peak be that of what follows: a process of a sweep does one run after the other.

    Only Linux can; elsewhere the peak is the process's own.
    """
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def peak_memory_mb() -> float:
    """Highest resident memory since :func:`forget_peak`, in MiB."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):  # unlike getrusage's it is not that of the parent
                return int(line.split()[1]) / 2**10
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def environment() -> dict[str, Any]:
    """Versions, commit and machine, as a record keeps them."""
    from importlib.metadata import version

    commit, dirty = _commit()
    packages = ("torch", "lightning", "torchmetrics", "hydra-core", "numpy")
    return {
        "uniseq": __version__,
        "commit": commit,
        "dirty": dirty,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {package: version(package) for package in packages},
    }


def _commit() -> tuple[str | None, bool]:
    """The checkout's commit, None in a wheel, and whether there are changes since."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        ).stdout.strip()

    try:
        # A wheel may be installed inside another project's checkout.
        git("ls-files", "--error-unmatch", Path(__file__).name)
        marked = git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    except (OSError, subprocess.CalledProcessError):
        return None, False
    commit = marked.removesuffix("-dirty")
    return commit, commit != marked
