"""What strangers hand over, records and tables, neither ends a report nor speaks in its place."""

import copy
import csv
import json
import random
import re
from html.parser import HTMLParser

import pytest
import yaml

from tests.records.test_shape import mutant
from tests.report.cases import on_disk, record, table
from uniseq.errors import DataError
from uniseq.report.__main__ import main
from uniseq.report.build import build_report
from uniseq.report.table_files import read_tables

SPREAD = {
    "vectors": 9,
    "uniformity": -1.0,
    "cosine": {"mean": 0.2, "histogram": {"low": -1.0, "high": 1.0, "counts": [0, 1, 2, 1]}},
}
EVIL = "<b>|*_[x](y)`\\\x1b[31m\u202e\n=1+1"


def test_a_report_of_mutants_shows_every_record_that_is_one(tmp_path):
    chance = random.Random(1)
    sphere = [{"epoch": 1, "dim": 8, "histories": SPREAD, "items": SPREAD}]
    for kind in ("ours", "base"):
        on_disk(tmp_path / kind, record(kind, sphere=sphere))
    whole = json.loads((tmp_path / "ours" / "record.json").read_text())
    for number in range(400):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        text = json.dumps(mutant(copy.deepcopy(whole), chance))
        (folder / "record.json").write_text(text)
    ours = table(figure1=[])  # pictures take a second
    report, _ = build_report(tmp_path, tmp_path / "report", [ours])
    named = {run.path.parent.name for run in report.runs}
    assert {"ours", "base"} <= named
    assert len(report.runs) + len(report.unreadable) == 402
    assert 50 < len(report.unreadable) < 400
    for error in report.unreadable:
        assert re.match(rf"{tmp_path.resolve()}/\d+/record.json: .+", str(error))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A report whose names and labels are hostile."""
    root = tmp_path_factory.mktemp("hostile")
    ours = table(
        title=f"T{EVIL}: {EVIL}",
        panels={"one": {"label": EVIL, "conditions": {"dataset.file": "one.txt"}}},
        groups={
            "=net": {"label": EVIL, "conditions": {}},
            "@b": {"label": f"2{EVIL}", "conditions": {}},
        },
        rows={
            "+ours": {"label": EVIL, "conditions": {"loss.kind": "ours"}},
            "base": {"label": "$\\frac{", "conditions": {"loss.kind": "base"}},
        },
        printed={},
        ours="+ours",
        claims=[{"kind": "beats", "text": f"=cmd|{EVIL}", "winner": "+ours"}],
        figure1=["+ours", "base"],
    )
    sphere = [{"epoch": 1, "dim": 8, "histories": SPREAD, "items": SPREAD}]
    for number, kind in enumerate(("ours", "base", "ours")):
        content = record(kind, lr=0.1 + number, sphere=sphere)
        content.name = "x\u202e<script>$|="
        content.config["own"] = [EVIL, {"a": EVIL}]
        content.config["optimizer"]["note"] = EVIL if number else "-"
        content.dataset["name"] = EVIL
        content.yardsticks = {EVIL: content.test}
        content.environment["platform"] = EVIL
        on_disk(root / f"=a `{number}`$(x)", content)
    build_report(root, root / "report", [ours])
    return root / "report"


def files(built, kind):
    return [path.read_text() for path in sorted(built.glob(f"*.{kind}"))]


def test_no_file_has_what_moves_a_terminal_or_turns_text(built):
    for kind in ("md", "csv", "tex", "html"):
        for content in files(built, kind):
            assert not set(content) & set("\x1b\u202e\r\x00")


def test_no_field_of_csv_is_a_formula(built):
    fields = [
        field for content in files(built, "csv") for row in csv.reader(content.splitlines())
        for field in row
    ]  # fmt: skip
    assert any(field.startswith("'=") for field in fields)
    for field in fields:
        if field.lstrip()[:1] in ("=", "+", "-", "@"):
            float(field)  # a number may have a sign


def test_markdown_keeps_its_tables_and_marks_nothing_up(built):
    (content,) = files(built, "md")
    widths = []
    for line in [*content.splitlines(), ""]:
        if line.startswith("|"):
            widths.append(len(re.findall(r"(?<!\\)\|", line)))
        else:
            assert len(set(widths)) <= 1
            widths = []
    assert "\n=1+1" not in content
    bare = re.sub(r"\\.", "", re.sub(r"(`+).+?\1(?!`)", "", content))
    outside = [line for line in bare.splitlines() if not line.startswith("    ")]
    assert not [line for line in outside if "<b>" in line or "[x]" in line]


def test_latex_is_balanced_whatever_it_is_told(built):
    (content,) = files(built, "tex")
    bare = re.sub(r"\\[{}&%$#_]", "", content)
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    for line in content.splitlines():
        assert not line.startswith("=1+1")
    assert re.findall(r"\\label\{(.+?)\}", content) == ["tab:small-one"]


def test_the_page_has_no_tag_of_theirs(built):
    class Tags(HTMLParser):
        def __init__(self):
            super().__init__()
            self.seen = []

        def handle_starttag(self, tag, attrs):
            self.seen.append((tag, dict(attrs)))

    page = Tags()
    page.feed(files(built, "html")[0])
    assert "script" not in {tag for tag, _ in page.seen}
    assert not [attrs for _, attrs in page.seen if any(name[:2] == "on" for name in attrs)]
    links = [attrs["href"] for tag, attrs in page.seen if tag == "a"]
    assert links
    assert all(link.startswith(("#", "../")) for link in links)


def test_faults_on_the_terminal_are_printable(tmp_path, capsys):
    on_disk(tmp_path / "ok", record())
    folder = tmp_path / "\x1b[2J"
    folder.mkdir()
    (folder / "record.json").write_text('{"schema": "\\u001b[31m"}')
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--out", str(tmp_path / "out")])
    said = capsys.readouterr()
    assert "\x1b" not in said.err
    assert "\\x1b[2J" in said.err
    assert said.err.count("\n") == 1


def written(folder, **changes):
    content = table().model_dump(exclude={"name"}, exclude_none=True) | changes
    file = folder / "mine.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return file


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"panels": {"../../x": {"label": "x", "conditions": {}}}}, "one part of a path"),
        ({"groups": {"/x": {"label": "x", "conditions": {}}}}, "one part of a path"),
        ({"rows": {"a\nb": {"label": "x", "conditions": {}}}}, "control character"),
        ({"metrics": ["HR"]}, "metrics.0"),
        ({"metrics": ["HR@x"]}, "metrics.0"),
        ({"metrics": ["HR@10|"]}, "metrics.0"),
        ({"printed": {"one": {"net": {"ours": [float("nan"), 0.1]}}}}, "printed.one.net.ours.0"),
        ({"conditions": {"loss": [{"a": 1}]}}, "a value, a list of values"),
        ({"conditions": {"loss": {"not": {"not": 1}}}}, "a value, a list of values"),
    ],
)
def test_a_table_whose_names_or_figures_are_none_is_refused(changes, fault, tmp_path):
    with pytest.raises(DataError, match=fault) as raised:
        read_tables(written(tmp_path, **changes))
    assert "mine.yaml" in str(raised.value)


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (LAUGHS, "aliases stand for more than 50,000 values"),
        ("a: &a [*a]", "an alias stands in what it stands for"),
        ("a: " + "[" * 5000, "mine.yaml: is no table"),
        ("title: x\ntitle: y", "title stands there twice, in line 2 again"),
        ("a: !!python/object/apply:os.system ['touch proof']", "could not determine a constructor"),
        ("a: !!python/name:os.system", "could not determine a constructor"),
        ("a: 2020-99-99", "is no table"),
        ("a: " + "9" * 5000, "is no table"),
        ("? [a]\n: b", "a key must be a text"),
        ("", "it holds no keys"),
        ("3", "it holds no keys"),
        ("\x00", "is no table"),
    ],
)
def test_a_hostile_table_file_is_one_line_and_runs_nothing(text, fault, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(DataError, match=fault) as raised:
        read_tables(tmp_path / "mine.yaml")
    assert str(raised.value).startswith(f"{tmp_path / 'mine.yaml'}: ")
    assert "\n" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


def test_aliases_that_stand_for_little_are_welcome(tmp_path):
    file = written(tmp_path)
    text = file.read_text().replace("title:", "source: &s a paper\ntitle:", 1)
    file.write_text(text.replace("source: a paper\n", "", 1))
    assert read_tables(file)[0].source == "a paper"


def test_a_printed_zero_has_no_ratio(tmp_path):
    on_disk(tmp_path / "0", record())
    ours = table(printed={"one": {"net": {"ours": [0.0, 0.5]}}})
    report, _ = build_report(tmp_path, tmp_path / "report", [ours])
    means = report.sections[0].cells["one", "net", "ours"].means
    assert (means["masked/HR@10"].ratio, means["masked/NDCG@10"].ratio) == (None, 0.4)
