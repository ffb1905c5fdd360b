"""The files of a report, from records on the disk."""

import csv
import re
import shutil
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
import yaml

from tests.report.cases import on_disk, record, table
from uniseq.records.store import read_record
from uniseq.report.__main__ import main
from uniseq.report.build import build_report
from uniseq.report.entries import read_entries

VOID = {"meta", "link", "br", "img", "hr", "input"}
SPHERE = [
    {
        "epoch": 1,
        "dim": 8,
        **{
            kind: {
                "vectors": 9,
                "uniformity": -1.0,
                "cosine": {
                    "mean": 0.25,
                    "histogram": {"low": -1.0, "high": 1.0, "counts": [0, 1, 2, 1]},
                },
            }
            for kind in ("histories", "items")
        },
    }
]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Records in odd folders, one of them unreadable, their table file, and the report."""
    root = tmp_path_factory.mktemp("report")
    tables, results = root / "tables", root / "results"
    tables.mkdir()
    content = table().model_dump(exclude={"name"}, exclude_none=True)
    (tables / "small.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    on_disk(results / "a b&c" / "0", record("ours", 0, 0.25, sphere=SPHERE), [1, 2, 3, 4] * 2)
    on_disk(results / "a b&c" / "1", record("ours", 1, 0.35), [1, 2, 30, 4] * 2)
    on_disk(results / "deep/er/2", record("base", 0, 0.125, stopped="cap of 3 epochs reached"))
    on_disk(results / "3", record("ours", lr=9.0, status="failed", test={}, epochs=[]))
    failed = {"status": "failed", "test": {}, "epochs": [], "yardsticks": {}}
    on_disk(results / "4", record("base", file="two.txt", **failed))
    on_disk(results / "5", record("other", status="pruned", test={}, name="<i>&amp;"))
    (results / "bad").mkdir()
    (results / "bad" / "record.json").write_text("{")
    with pytest.raises(SystemExit) as stopped:
        main([str(results), "--tables", str(tables)])
    assert stopped.value.code == 1  # of the unreadable record; the rest is there
    return root


def text(built, name):
    return (built / "results" / "report" / name).read_text()


class Page(HTMLParser):
    """Refuses what is not nested well and gathers attributes, ids and words."""

    def __init__(self, content):
        super().__init__()
        self.open, self.attributes, self.words = [], [], []
        self.feed(content)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"{tag} at line {self.getpos()[0]}"

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_data(self, data):
        self.words.append(data)


def test_the_page_is_well_formed_and_needs_nothing_else(built):
    page = Page(text(built, "report.html"))
    assert not {"script", "link", "img", "iframe"} & {tag for tag, *_ in page.attributes}
    assert not [value for _, name, value in page.attributes if name == "src"]
    content = text(built, "report.html")
    assert "url(" not in content
    assert "@import" not in content
    assert "http" not in content
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    links = {value for _, name, value in page.attributes if name == "href"}
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    files = [link for link in links if not link.startswith("#")]
    assert len(files) == 6
    for link in files:
        assert read_record(built / "results" / "report" / unquote(link))


def test_the_page_says_what_was_and_was_not_run(built):
    page = Page(text(built, "report.html"))
    words = " ".join(" ".join(page.words).split())
    for part in (
        "Small: a table & <its> title_1",
        "Records: 6 (3 finished, 2 failed, 1 pruned, 1 unreadable); in cells of a table: 3.",
        "bad/record.json: is no readable record",
        "<i>&amp;",  # a run's name, as it stands
        ".3000 ± .0707 × 0.60",
        "Base †",
        "Ours, β ‡",
        "† the epoch cap",
        "‡ another run of this cell failed",
        "not run",
        "python -m uniseq.repeat --out ../repeated 'a b&c/0/record.json' 'a b&c/1/record.json'",
        "HR@10 .3000 against .1250",
        "? unclear",  # eight users are too few
        "seeds 2, 1; settings 1, 1",
        "optimizer.lr=0.1",  # of what all have in common
        "paired t",
        "One · Net: histories after 2 epochs",
        "popularity",
        "uniseq 0.1.0, commit abc",
    ):
        assert part in words, part
    assert str(built) not in text(built, "report.html")


def test_the_page_names_the_paper_that_its_tables_repeat_and_else_none(built, tmp_path):
    own = text(built, "report.html")
    assert "<title>uniseq: results</title>" in own
    assert "<h1>Results</h1>" in own
    assert "paper’s" not in own
    assert "<cite>" not in own
    repeated = table(paper={"authors": "A & B", "title": "Of <things>"})
    on_disk(tmp_path / "0", record("ours"))
    build_report(tmp_path, tmp_path, [repeated, repeated.model_copy(update={"name": "second"})])
    page = (tmp_path / "report.html").read_text()
    assert "<h1>Results beside the paper’s</h1>" in page
    assert page.count("A &amp; B, <cite>Of &lt;things&gt;</cite>, repeated with uniseq.") == 1


def test_csv_has_the_very_numbers(built):
    rows = list(csv.DictReader(text(built, "small.csv").splitlines()))
    assert len(rows) == 2 * 3 * 4 + 4  # cells and yardsticks, by figure
    by_place = {
        tuple(row[key] for key in ("panel", "row", "history", "metric")): row for row in rows
    }
    ours = by_place["one", "ours", "unmasked", "NDCG@10"]
    assert (float(ours["validation"]), ours["broken"], ours["changed"]) == (0.3, "1", "0")
    assert float(ours["mean"]) == (0.25 + 0.35) / 2
    assert float(ours["std"]) == pytest.approx(0.005**0.5)
    assert float(ours["ratio"]) == pytest.approx(0.75)
    assert (ours["printed"], ours["seeds"], ours["best"], ours["capped"]) == ("0.4", "2", "1", "0")
    for link in ours["records"].split():
        assert (built / "results" / "report" / unquote(link)).is_file()
    base = by_place["one", "base", "masked", "HR@10"]
    assert (base["mean"], base["std"], base["printed"], base["capped"]) == ("0.125", "", "", "1")
    assert by_place["two", "base", "masked", "HR@10"]["state"] == "failed"
    assert by_place["two", "ours", "masked", "HR@10"]["state"] == "not run"
    assert by_place["one", "popularity", "masked", "HR@10"]["mean"] == "0.01"


def test_claims_and_tests_are_there_as_csv_too(built):
    claims = list(csv.DictReader(text(built, "small_claims.csv").splitlines()))
    first = claims[0]
    assert (first["claim"], first["state"], first["seeds"]) == ("Ours is best", "unclear", "1")
    assert (first["metric"], first["row"], first["against"]) == ("HR@10", "ours", "base")
    assert (float(first["mean"]), first["mean_against"]) == (pytest.approx(0.3), "0.125")
    assert (claims[-1]["panel"], claims[-1]["state"], claims[-1]["p_holm"]) == (
        "two",
        "not run",
        "",
    )
    tests = list(csv.DictReader(text(built, "small_tests.csv").splitlines()))
    assert len(tests) == 4  # metrics and conventions of the one panel that was run
    for test in tests:
        assert (test["against"], test["seeds"], test["seeds_against"]) == ("base", "2", "1")
        assert float(test["low"]) <= float(test["difference"]) <= float(test["high"])
        assert float(test["p"]) <= float(test["p_holm"]) <= 1


def test_latex_is_balanced_and_escaped(built):
    tex = text(built, "small.tex")
    bare = re.sub(r"\\[{}&%$#_]", "", tex)
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    assert re.findall(r"\\begin\{([\w*]+)\}", tex) == ["table*", "tabular"] * 2
    assert re.findall(r"\\end\{([\w*]+)\}", tex) == ["tabular", "table*"] * 2
    for body in re.findall(r"\\begin\{tabular\}\{(\w+)\}(.*?)\\end\{tabular\}", bare, re.DOTALL):
        columns = len(body[0])
        for row in re.findall(r"(.*) \\\\\n", body[1]):
            spans = [int(span) for span in re.findall(r"\\multicolumn\{(\d+)\}", row)]
            assert row.count("&") + 1 + sum(spans) - len(spans) == columns, row
    # The number of a table is LaTeX's, its title begins the caption.
    assert tex.count(r"{A table \& $<$its$>$ title\_1: One.") == 1
    assert r"Ours, $\beta$$^\ddagger$ & .5000 & .4000 & \textbf{.3000}" in tex
    assert r"{\scriptsize$\pm$.0707} {\scriptsize($\times$0.60)}" in tex
    assert r"\emph{not run}" in tex
    assert not [
        line for line in tex.splitlines() if not line.startswith("%") and not line.isascii()
    ]


def test_markdown_tables_are_even_and_its_links_lead_to_records(built):
    content = text(built, "report.md")
    widths = []
    for line in [*content.splitlines(), ""]:
        if line.startswith("|"):
            widths.append(len(re.findall(r"(?<!\\)\|", line)))
        else:
            assert len(set(widths)) <= 1, widths
            widths = []
    assert "| Ours is best | ? unclear¹, ? unclear¹ | –, – |" in content
    assert content.count("| Ours is best | One · Net |") == 2  # of the second nothing was run
    assert "Not run: Two · Net." in content
    links = re.findall(r"\[seed \d+\]\((.+?)\)", content)
    assert len(links) == 4
    for link in links:
        assert (built / "results" / "report" / unquote(link)).is_file()
    assert "| **.3000** ± .0707 (×0.60) |" in content
    assert r"# Small: a table & \<its> title\_1" in content
    assert "| *.1250* |" in content  # the cap ended it
    assert text(built, "report.html").count('<span class="capped">.1250</span>') == 4
    assert text(built, "small.tex").count(r"\textcolor{gray}{.1250}") == 4
    assert "![figure1_small_one_net.png](figure1_small_one_net.png)" in content
    assert (built / "results" / "report" / "figure1_small_one_net.png").is_file()


def test_the_same_records_give_the_same_bytes_wherever_they_lie(built, tmp_path):
    runs, _ = read_entries(built / "results")
    for number, run in enumerate(runs):
        folder = tmp_path / "results" / "flat" / f"{number}"
        shutil.copytree(run.path.parent, folder)
    arguments = [str(tmp_path / "results"), "--tables", str(built / "tables")]
    main([*arguments, "--out", str(tmp_path / "one")])
    main([*arguments, "--out", str(tmp_path / "two")])
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted(path.name for path in (built / "results" / "report").iterdir())
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    moved = list(csv.DictReader((tmp_path / "one" / "small.csv").read_text().splitlines()))
    before = list(csv.DictReader(text(built, "small.csv").splitlines()))
    for row in (*moved, *before):
        del row["records"]
    assert moved == before


@pytest.mark.parametrize("ended", [{}, {"status": "failed", "test": {}, "epochs": []}])
def test_an_optional_panel_is_shown_once_something_bears_on_a_claim(tmp_path, ended):
    optional = {"label": "Two", "conditions": {"dataset.file": "two.txt"}, "optional": True}
    ours = table(panels=table().model_dump()["panels"] | {"two": optional})
    on_disk(tmp_path / "0", record("ours"))
    before, files = build_report(tmp_path, tmp_path / "report", [ours])
    assert list(before.sections[0].table.panels) == ["one"]
    assert not [path for path in files if path.suffix != ".html" and "Two" in path.read_text()]
    on_disk(tmp_path / "1", record("ours", file="two.txt"))  # alone, as another table's
    alone, _ = build_report(tmp_path, tmp_path / "report", [ours])
    assert list(alone.sections[0].table.panels) == ["one"]
    assert {one.panel for one in alone.sections[0].verdicts} == {"one"}
    unclaimed, _ = build_report(
        tmp_path, tmp_path / "report", [ours.model_copy(update={"claims": []})]
    )
    assert list(unclaimed.sections[0].table.panels) == ["one", "two"]
    on_disk(tmp_path / "2", record("base", file="two.txt", **ended))
    after, _ = build_report(tmp_path, tmp_path / "report", [ours])
    assert list(after.sections[0].table.panels) == ["one", "two"]


def test_a_ranking_without_training_that_is_above_all_trained_rows_is_named(tmp_path):
    high = {"masked/HR@10": 0.1, "masked/NDCG@10": 0.1, "unmasked/HR@10": 0.3}
    rankings = {"item_knn": high | {"unmasked/NDCG@10": 0.2001}}
    on_disk(tmp_path / "0", record("ours", test=0.2, yardsticks=rankings))
    report, _ = build_report(tmp_path, tmp_path / "report", [table()])
    line = (
        "tem knn, without training, is above every trained row in unmasked HR@10, unmasked NDCG@10"
    )
    assert report.sections[0].untrained_above("one") == [f"i{line}"]
    assert report.sections[0].untrained_above("two") == []
    for name in ("report.md", "report.html", "small.tex"):
        assert f"I{line}." in (tmp_path / "report" / name).read_text()


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["nowhere"], "nowhere: there is no such folder"),
        (["."], "has no record.json below it"),
        ([".", "--tables", "nowhere"], "nowhere: has no table files"),
    ],
)
def test_what_cannot_be_used_is_one_line(arguments, fault, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 1
    message = capsys.readouterr().err
    assert fault in message
    assert message.startswith("error: ")
    assert message.count("\n") == 1
