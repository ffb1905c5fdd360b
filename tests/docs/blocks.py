"""The fenced blocks of README, CONTRIBUTING and docs, and how each says it is checked."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
# By language: run, composed only, a target of make, or not run, for the reason given; a file that
# later blocks of the page use; the output of the block before. A text is shown and no more.
KINDS = {
    "bash": {"run", "compose", "make", "unrun"},
    "python": {"run", "file"},
    "yaml": {"file"},
    "text": {"", "file", "output"},
}
FENCE = re.compile(r"^```(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INFO = re.compile(r"(?P<language>\w*)(?: (?P<kind>\w+)(?:=(?P<argument>.+))?)?")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: ```` ```LANGUAGE KIND=ARGUMENT ````."""

    place: str
    language: str
    kind: str
    argument: str
    text: str

    @property
    def commands(self) -> list[str]:
        return self.text.splitlines()


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> list[Block]:
    """All of a page, but for the directives of the site, such as ```` ```{toctree} ````."""
    content = page.read_text()
    return [
        _block(f"{name_of(page)}:{content.count(chr(10), 0, match.start()) + 1}", *match.groups())
        for match in FENCE.finditer(content)
        if not match[1].startswith("{")
    ]


def _block(place: str, info: str, text: str) -> Block:
    match = INFO.fullmatch(info)
    assert match, f"{place}: {info!r} does not say how the block is checked"
    argument = (match["argument"] or "").strip('"')
    return Block(place, match["language"], match["kind"] or "", argument, text)
