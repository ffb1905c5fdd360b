"""The README: short, and what it points at is there."""

import re
from pathlib import Path

import pytest
import yaml

import uniseq
from tests.docs.blocks import ROOT, blocks

README = ROOT / "README.md"
TEXT = README.read_text()


def test_it_is_short_and_each_step_is():
    assert len(TEXT.splitlines()) <= 150
    for block in blocks(README):
        if block.kind:
            assert len(block.text.splitlines()) <= 12, block.place


def test_links_lead_to_files():
    links = re.findall(r"\]\((?!https?:)([^)#]+)", TEXT)
    assert len(links) > 10
    for link in links:
        assert (ROOT / link).is_file(), link


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md"])
def test_the_tree_has_folders_that_are_there(page):
    trees = [block.text for block in blocks(ROOT / page) if block.text.startswith("uniseq/\n")]
    assert len(trees) == 1
    inner, outer = (re.findall(rf"^{space}(\w+)/", trees[0], re.MULTILINE) for space in ("  ", ""))
    assert len(inner) >= 9
    for folder in [*(Path("uniseq", name) for name in inner), *map(Path, outer)]:
        assert (ROOT / folder).is_dir(), folder


def test_the_citation_is_of_this_version_and_of_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == uniseq.__version__
    paper = citation["preferred-citation"]
    assert [author["family-names"] for author in paper["authors"]] == ["Chung", "Kim"]
    assert paper["url"] in TEXT


def test_the_results_are_those_of_the_page():
    """The README's NDCG@10, history masked, from the whole table in the docs."""
    page = (ROOT / "docs" / "results.md").read_text()
    rows = re.findall(r"^\| (\w+, \w+) \| (.+) \|$", TEXT, re.MULTILINE)
    assert len(rows) == 8
    for label, cells in rows:
        (whole,) = re.findall(rf"^\| {label} \| (.+) \|$", page, re.MULTILINE)
        masked = re.findall(r"/\s(\.\d{4})†?\s\\\|", whole)
        assert re.findall(r"\.\d{4}", cells)[: len(masked)] == masked
        figures = [float(value) for value in re.findall(r"\.\d{4}", cells)]
        (bold,) = re.findall(r"\*\*(\.\d{4})\*\*", cells)
        assert float(bold) == max(figures)
