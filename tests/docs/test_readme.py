"""The README: short, and what it points at is there."""

import re

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


def test_the_tree_has_every_folder():
    (tree,) = [block.text for block in blocks(README) if "uniseq/\n" in block.text]
    named = re.findall(r"^  (\w+)/", tree, re.MULTILINE)
    for name in named:
        assert (ROOT / "uniseq" / name).is_dir(), name
    for name in re.findall(r"^(\w+)/", tree, re.MULTILINE):
        assert (ROOT / name).is_dir(), name


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
