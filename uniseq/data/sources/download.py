"""Downloads: published files, fetched once into the cache folder and checked."""

import os
from pathlib import Path

from uniseq.errors import DataError
from uniseq.records.names import single_part


def cache_dir() -> Path:
    """The folder for downloads: ``UNISEQ_CACHE_DIR``, or ``uniseq`` in the system's cache."""
    import pooch

    return Path(os.environ.get("UNISEQ_CACHE_DIR") or pooch.os_cache("uniseq"))


def download(url: str, file: str, sha256: str | None) -> Path:
    """Fetch a file into the cache unless it is there, one process at a time.

    Raises:
        DataError: when its name leads elsewhere, it cannot be fetched, or its checksum is not the
            one that was promised.
    """
    import pooch
    from filelock import FileLock

    try:
        single_part(file)
    except ValueError as error:
        raise DataError(url, f"is not downloaded: file {error}") from error
    folder = cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{file}.lock"):
            pooch.get_logger().setLevel("WARNING")
            return Path(pooch.retrieve(url, known_hash=sha256, fname=file, path=folder))
    except Exception as error:  # requests, urllib3, OS and checksum errors have no common base
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            url,
            f"could not be downloaded to {folder} ({reason}); check the network, or put {file} "
            "into a folder and set data_dir or UNISEQ_DATA_DIR to it",
        ) from error
