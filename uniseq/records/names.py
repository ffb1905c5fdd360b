"""Names: those of runs and tables become parts of paths, and must not lead elsewhere."""

import unicodedata

LONGEST = 240  # bytes; a folder's name may have 255, and a run's has its id besides


def single_part(name: str) -> str:
    """The name, which is one part of a path.

    Raises:
        ValueError: when it leads elsewhere, has a control character or is too long.
    """
    if name in ("", ".", "..") or set(name) & set("/\\"):
        raise ValueError(f"{name!r:.80} must be one part of a path, without / and \\")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise ValueError(f"{name!r:.80} has a control character")
    if len(name.encode()) > LONGEST:
        raise ValueError(f"{name!r:.80} has more than {LONGEST} bytes")
    return name
