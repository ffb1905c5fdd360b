import gzip
import json

import pytest

from uniseq.data.sources import lines
from uniseq.data.sources.lines import BadLines
from uniseq.data.sources.readers import AmazonRatings, AmazonReviews, YelpReviews
from uniseq.errors import ConfigError, DataError


def review(user="A", item="B", time=5, **other):
    return json.dumps({"reviewerID": user, "asin": item, "unixReviewTime": time, **other}).encode()


def visit(user="A", item="B", date="2019-03-01 12:30:00"):
    return json.dumps({"user_id": user, "business_id": item, "date": date}).encode()


def read(folder, reader, content, skip=False):
    path = folder / "log"
    path.write_bytes(content)
    bad = BadLines(path, skip)
    return reader.scan(path, bad).collect(engine="streaming").rows(), bad


def test_amazon_reviews_plain_and_zipped(tmp_path):
    content = review(text="naïve \n, [1]", helpful=[1, 2]) + b"\n" + review("Ä", "C", -7) + b"\n"
    expected = [("A", "B", 5), ("Ä", "C", -7)]
    members = b"".join(map(gzip.compress, content.splitlines(keepends=True)))
    for stored in (content, content[:-1], gzip.compress(content), members, members + b"\0" * 512):
        assert read(tmp_path, AmazonReviews(), stored)[0] == expected


def test_amazon_ratings(tmp_path):
    content = b"A,B,5.0,1397433600\nC,D,1.0,7\r\n"
    assert read(tmp_path, AmazonRatings(), content)[0] == [("A", "B", 1397433600), ("C", "D", 7)]


def test_yelp_dates_are_utc_and_both_ends_of_the_range_are_kept(tmp_path):
    dates = ["2018-12-31 23:59:59", "2019-01-01 00:00:00", "2019-12-31 00:00:00"]
    content = b"\n".join(visit(date=date) for date in [*dates, "2019-12-31 00:00:01"])
    kept, _ = read(tmp_path, YelpReviews(), content)
    assert [time for _, _, time in kept] == [1546300800, 1577750400]
    kept, _ = read(tmp_path, YelpReviews(since="2004-01-01 00:00:00"), content)
    assert len(kept) == 3


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"since": "2019-01-01"}, "since: '2019-01-01' is no date such as"),
        ({"until": "2018-01-01 00:00:00"}, "until: 2018-01-01 00:00:00 is before since=2019"),
    ],
)
def test_a_range_that_cannot_be(settings, words):
    with pytest.raises(ConfigError, match=words):
        YelpReviews(**settings)


GOOD = {AmazonReviews: review(), AmazonRatings: b"A,B,5.0,5", YelpReviews: visit()}
BAD = {
    "not JSON": (AmazonReviews, b"{'reviewerID': 1}", r"is not JSON: \"\{'reviewerID"),
    "two objects": (AmazonReviews, review() + review(), "is not JSON"),
    "no object": (AmazonReviews, b"[5]", r"is no JSON object: '\[5\]'"),
    "no field": (AmazonReviews, review().replace(b"asin", b"isbn"), "lacks the field 'asin'"),
    "null": (AmazonReviews, review(user=None), "lacks the field 'reviewerID'"),
    "empty id": (AmazonReviews, review(user=""), "lacks the field 'reviewerID'"),
    "word for a time": (AmazonReviews, review(time="soon"), "'unixReviewTime' is 'soon', no whole"),
    "fraction": (AmazonReviews, review(time=1.5), "is '1.5', no whole number of seconds"),
    "text for a time": (
        AmazonReviews,
        review(time="1400000000"),
        "'unixReviewTime' is '1400000000', a text; write the number without quotes",
    ),
    "milliseconds": (
        AmazonReviews,
        review(time=1400086400000),
        "is '1400086400000', after the year 2100; milliseconds",
    ),
    "NaN elsewhere": (AmazonReviews, review(overall=float("nan")), "is not JSON: it holds NaN"),
    "infinity": (AmazonReviews, review(overall=float("inf")), "is not JSON: it holds Infinity"),
    "doubled field": (
        AmazonReviews,
        review().replace(b"{", b'{"asin": "C", '),
        "holds the field 'asin' twice",
    ),
    "doubled date": (
        YelpReviews,
        visit().replace(b"}", b', "date": "2019-04-01 12:30:00"}'),
        "holds the field 'date' twice",
    ),
    "Latin-1": (AmazonReviews, review(user="X").replace(b"X", b"\xe9"), "bytes that are not UTF-8"),
    "blank": (AmazonReviews, b"", "is blank"),
    "fields": (AmazonRatings, b"A,B,5.0", r"has 3 field\(s\), not the four"),
    "more fields": (AmazonRatings, b"A,B,5.0,5,5", r"has 5 field\(s\), not the four"),
    "no user": (AmazonRatings, b",B,5.0,5", "has no user"),
    "no time": (AmazonRatings, b"A,B,5.0,", "has no time"),
    "word": (AmazonRatings, b"A,B,5.0,time", "has the time 'time', no whole number of seconds"),
    "rating in milliseconds": (
        AmazonRatings,
        b"A,B,5.0,1400086400000",
        "has the time '1400086400000', after the year 2100; milliseconds",
    ),
    "quoted user": (AmazonRatings, b'"A",B,5.0,5', 'has the user "A" in quotes'),
    "quoted item": (AmazonRatings, b'A,"B",5.0,5', 'has the item "B" in quotes'),
    "blank rating": (AmazonRatings, b"", "is blank"),
    "Latin-1 rating": (AmazonRatings, b"\xe9,B,5.0,5", "bytes that are not UTF-8"),
    "date alone": (YelpReviews, visit(date="2019-03-01"), "'date' is '2019-03-01', no date such"),
    "year 19": (YelpReviews, visit(date="19-03-01 12:30:00"), "'date' is '19-03-01 12:30:00', no"),
    "short month": (YelpReviews, visit(date="2019-3-01 12:30:00"), "no date such as"),
    "no such day": (YelpReviews, visit(date="2019-02-30 00:00:00"), "no date such as"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_line_is_named_or_counted(tmp_path, case):
    kind, line, words = BAD[case]
    content = b"".join(each + b"\n" for each in [*[GOOD[kind]] * 6, line, GOOD[kind], line])
    with pytest.raises(DataError, match=words) as caught:
        read(tmp_path, kind(), content)
    assert str(caught.value).startswith(f"{tmp_path / 'log'}, line 7: ")
    assert "on_bad_line=skip" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    kept, bad = read(tmp_path, kind(), content, skip=True)
    assert len(kept) == 7
    assert bad.count == 2
    assert bad.first.startswith("line 7 ")


def test_a_rating_without_line_break_is_cut_short(tmp_path):
    with pytest.raises(DataError, match=r"log, line 2: does not end in a line break: .*truncated"):
        read(tmp_path, AmazonRatings(), b"A,B,5.0,1397433600\nA,B,5.0,1397")


def zipped(count):
    return gzip.compress(b"".join(review(f"U{n}") + b"\n" for n in range(count)))


def test_a_gzip_that_ends_early_names_the_line_reached(tmp_path):
    content = zipped(1000)[:-200]
    kept, bad = read(tmp_path, AmazonReviews(), content, skip=True)
    assert kept == [(f"U{n}", "B", 5) for n in range(len(kept))]
    assert 0 < len(kept) < 1000
    assert bad.count == 1
    with pytest.raises(DataError, match="gzip ends early: the file is truncated") as caught:
        read(tmp_path, AmazonReviews(), content)
    assert caught.value.line == len(kept) + 1


def test_a_damaged_gzip_is_told_from_a_truncated_one(tmp_path):
    content = bytearray(zipped(1000))
    content[-6] ^= 1  # in the checksum
    with pytest.raises(DataError, match="line 1: is near where the gzip is damaged"):
        read(tmp_path, AmazonReviews(), bytes(content))


@pytest.mark.parametrize("size", [1, 60, 1000])
def test_lines_are_numbered_across_blocks(tmp_path, monkeypatch, size):
    monkeypatch.setattr(lines, "BLOCK", size)
    monkeypatch.setattr(lines, "PIECE", max(size // 3, 2))
    content = b"".join(review(f"U{n}") + b"\n" for n in range(40)) + b"bad\n" + review() + b"\n"
    for stored in (content, gzip.compress(content)):
        with pytest.raises(DataError, match="line 41: is not JSON: 'bad'"):
            read(tmp_path, AmazonReviews(), stored)
        assert len(read(tmp_path, AmazonReviews(), stored, skip=True)[0]) == 41


def test_a_name_that_is_a_value_or_a_nested_field_too_is_not_doubled(tmp_path):
    lines = [review(note="asin"), review("C", meta={"asin": "X", "reviewerID": "Y"}), review("D")]
    kept, _ = read(tmp_path, AmazonReviews(), b"\n".join(lines))
    assert kept == [("A", "B", 5), ("C", "B", 5), ("D", "B", 5)]


@pytest.mark.parametrize("most", [7, 64, 2**22])
def test_a_gzip_is_unpacked_little_by_little(tmp_path, monkeypatch, most):
    monkeypatch.setattr("uniseq.data.sources.lines.MOST", most)
    content = b"".join(review(f"U{n}") + b"\n" for n in range(30))
    path = tmp_path / "log"
    path.write_bytes(gzip.compress(content) + gzip.compress(content))
    with path.open("rb") as file:
        assert b"".join(lines._content(file)) == content + content
    with path.open("rb") as file:
        assert max(map(len, lines._content(file))) <= most


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_line_without_end_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch, pack):
    monkeypatch.setattr("uniseq.data.sources.lines.LONGEST", 2**20)
    monkeypatch.setattr("uniseq.data.sources.lines.PIECE", 2**10)
    monkeypatch.setattr("uniseq.data.sources.lines.MOST", 2**14)
    path = tmp_path / "log"
    path.write_bytes(pack(review("U1") + b"\n" + b"x" * 2**22))
    bad = BadLines(path, skip=True)
    with pytest.raises(DataError, match=r"log, line 2: has more than 1,048,576 bytes"):
        list(lines._blocks(path, bad))
