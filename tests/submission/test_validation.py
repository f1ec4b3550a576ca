import numpy as np
import pytest

from yt8m.data.ids import RULE
from yt8m.errors import InputError
from yt8m.submission import Validation, reading, validate

VIDEO = "VideoId,LabelConfidencePairs\n"
SEGMENT = "Class,Segments\n"


def check(tmp_path, content, **options):
    path = tmp_path / "in.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return validate(path, **options)


def test_valid_submissions_have_no_errors(tmp_path):
    video = VIDEO + "ab12,7 1 0 0.5\r\ncd34,3861 1e-3 2 0\ngh,1 0.5 2 0.5"
    assert check(tmp_path, video) == Validation(task="video", num_rows=3, num_entries=6, errors=[])
    segment = SEGMENT + "3,ab12:0 cd:295 ab12:5\n3861,C\\ä.mp4:5\n"
    found = check(tmp_path, segment, num_classes=3863)
    assert found == Validation(task="segment", num_rows=2, num_entries=4, errors=[])


def test_what_no_rule_forbids_is_a_remark(tmp_path):
    rows = ("a,7 1.5 0 0.5", "b,", "c,1 0.5", "d,1 0.5 2 -0.25", "e,", "f,1 3 2 -4", "g,")
    assert check(tmp_path, VIDEO + "\n".join(rows) + "\n") == Validation(
        task="video",
        num_rows=7,
        num_entries=7,
        errors=[],
        remarks=[
            "line 3: video 'b' has no predictions, and so on in 2 more; such a row is allowed and scores nothing",
            "line 2: video 'a' has a score of 1.5, and so on in 2 more; "
            "no rule forbids it, but probabilities go from 0 to 1",
        ],
    )
    found = check(tmp_path, SEGMENT + "3,ab12:0\n0,\n")
    assert (found.errors, found.num_rows) == ([], 2)
    assert found.remarks[0] == "line 3: class 0 has no segments; such a row is allowed and scores nothing"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a,1 0.5", "video 'a' was on line 2 already; keep one of the two"),
        ("b,1 nan 2 0.5", "video 'b': a score is nan; scores must be finite float32 numbers"),
        ("b,1 inf", "video 'b': a score is inf; scores must be finite float32 numbers"),
        ("b,1 1e39", "video 'b': a score is 1e+39; scores must be finite float32 numbers"),
        (
            "b,3862 0.5",
            "video 'b': class 3862 does not exist; classes go from 0 to 3861, those of 2017 to 4715: --num-classes 4716",
        ),
        ("b,4716 0.5", "video 'b': class 4716 does not exist; classes go from 0 to 3861"),
        ("b,-1 0.5", "video 'b': class -1 does not exist; classes go from 0 to 3861"),
        (",1 0.5", "the video's id is empty; start the line with it"),
        (",", "the video's id is empty; start the line with it"),
        ("b,1 0.5 2 0.6", "video 'b': score 0.6 follows 0.5; sort by descending score"),
        ("b,1 0.5 1 0.4", "video 'b': class 1 is predicted twice; list it once"),
        ("b,1 0.5 2", "video 'b': 3 values are not a whole number of class and score pairs; complete the last pair"),
        ("b," + " ".join(f"{c} 0.5" for c in range(21)), "video 'b': 21 predictions; keep the best 20"),
        ("b,1 0.5 2 0.", None),
        (
            "b,1.5 0.5",
            "video 'b': '1.5' is not a class; write pairs of a class and a score, with one space between values",
        ),
        ("b,1 0.5,2 0.4", "has a second comma; write one alone, between the two columns"),
        ("b,c,1 0.5", "has a second comma; write one alone, between the two columns"),
        ("b,1 0.5 ", "ends in a space; remove it"),
        ("b, ", "ends in a space; remove it"),
        (" b,1 0.5", "begins with a space; remove it"),
        ("b, 1 0.5", "has a space after the comma; remove it"),
        ("b ,1 0.5", f"video 'b ': the id has a space; {RULE}"),
        ("C:b,1 0.5", f"video 'C:b': the id has a colon; {RULE}"),
        ('"b,1 0.5', f"video '\"b': the id has a quote; {RULE}"),
        ("b\u2003c,1 0.5", f"video 'b\\u2003c': the id has the character '\\u2003'; {RULE}"),
        ("b\r,1 0.5", "has the control character '\\r'; remove it"),
        ("b,1 0.5\r\r", "has the control character '\\r'; remove it"),
        ("b\0,1 0.5", "has the control character '\\x00'; remove it"),
        ("b,1\t0.5", "has the control character '\\t'; remove it"),
        ("b,1 ٣", "video 'b': '٣' is not a score; write pairs of a class and a score, with one space between values"),
        (
            "b,1\u00a0 0.5",
            "video 'b': '1\\xa0' is not a class; write pairs of a class and a score, with one space between values",
        ),
        ("b" * 256 + ",1 0.5", f"video '{'b' * 60}': the id has more than 255 bytes; {RULE}"),
        ("\ufeffb,1 0.5", f"video '\\ufeffb': the id has the character '\\ufeff'; {RULE}"),
        (
            "b,1 O.5",
            "video 'b': 'O.5' is not a score; write pairs of a class and a score, with one space between values",
        ),
        (
            "b,1 0.5  2 0.4",
            "video 'b': 5 values are not a whole number of class and score pairs; complete the last pair",
        ),
        (
            "b,1 0.5  2",
            "video 'b': '' is not a class; write pairs of a class and a score, with one space between values",
        ),
        (
            "b,1_0 0.5",
            "video 'b': '1_0' is not a class; write pairs of a class and a score, with one space between values",
        ),
        (
            "b,1 0.0_5",
            "video 'b': '0.0_5' is not a score; write pairs of a class and a score, with one space between values",
        ),
        ('b,"1 0.5"', "'\"1 0.5\"' is in quotes; write the line without them"),
        ('"b","1 0.5"', "'\"b\"' is in quotes; write the line without them"),
        ('"b",1 0.5', "'\"b\"' is in quotes; write the line without them"),
        ('"b,1 0.5"', "'\"b,1 0.5\"' is in quotes; write the line without them"),
        ('b"c",1 0.5 2 0.4', f"video 'b\"c\"': the id has a quote; {RULE}"),
        ("b", "'b' is not followed by a comma; complete the line"),
        ("", "this line is empty; remove it"),
        (b"b\xff,1 0.5", "this is not UTF-8 text; write the file as UTF-8"),
        (b"b,1 0.5\xff", "this is not UTF-8 text; write the file as UTF-8"),
    ],
)
def test_each_rule_of_the_video_task(tmp_path, row, reason):
    row = row if isinstance(row, bytes) else row.encode()
    found = check(tmp_path, VIDEO.encode() + b"a,1 0.5 2 0.4\n" + row + b"\nz,1 0.5\n")
    assert found.errors == ([] if reason is None else [f"line 3: {reason}"])
    assert found.num_rows == 3
    assert found.num_entries == (5 if reason is None else 3)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,b:0", "class 1 was on line 2 already; keep one of the two"),
        ("2,b:0 a:5 b:0", "segment 'b:0' is listed twice; list it once"),
        ("2,b:7", "a segment starts at 7 s; segments start at multiples of 5 s"),
        (
            "2,b:-5",
            "'b:-5' is not a segment; write id:start, with the start in whole seconds and one space between segments",
        ),
        (
            "2,b:05",
            "'b:05' is not a segment; write id:start, with the start in whole seconds and one space between segments",
        ),
        (
            "2,b:5.0",
            "'b:5.0' is not a segment; write id:start, with the start in whole seconds and one space between segments",
        ),
        (
            "2,a:0 b:5 c",
            "'c' is not a segment; write id:start, with the start in whole seconds and one space between segments",
        ),
        (
            "2,a:0 b:",
            "'b:' is not a segment; write id:start, with the start in whole seconds and one space between segments",
        ),
        (
            "2,:5",
            "':5' is not a segment; write id:start, with the start in whole seconds and one space between segments",
        ),
        (
            "2,a:0  b:5",
            "'' is not a segment; write id:start, with the start in whole seconds and one space between segments",
        ),
        ("2,a:0 ", "ends in a space; remove it"),
        ("2, a:0", "has a space after the comma; remove it"),
        ("2,a,a:0 b:5", "has a second comma; write one alone, between the two columns"),
        ("2,a:0 b:c:5", f"segment 'b:c:5': the id has a colon; {RULE}"),
        ("2,a:0 ::5", f"segment '::5': the id has a colon; {RULE}"),
        ('2,a:0 b"c:5', f"segment 'b\"c:5': the id has a quote; {RULE}"),
        ('2,"a:0 b:5', f"segment '\"a:0': the id has a quote; {RULE}"),
        ("2,a:0 ä\u2028:5", f"segment 'ä\\u2028:5': the id has the character '\\u2028'; {RULE}"),
        ("2,a:0 b\0:5", "has the control character '\\x00'; remove it"),
        ("2 ,a:0", "'2 ' is not a class; start the line with a class id"),
        (
            "2,a:5000000",
            "'a:5000000' is not a segment; write id:start, with the start in whole seconds and one space between segments",
        ),
        ("2,a:0 b:0 c:0 d:0", "4 segments; keep the best 3"),
        ("3862,b:0", "class 3862 is not one of the 3862 classes of the task; remove the line"),
        ("-2,b:0", "'-2' is not a class; start the line with a class id"),
        ('2,"b:0 a:5"', "'\"b:0 a:5\"' is in quotes; write the line without them"),
        ('"2",b:0', "'\"2\"' is in quotes; write the line without them"),
        ("x,b:0", "'x' is not a class; start the line with a class id"),
        ("2", "'2' is not followed by a comma; complete the line"),
        ("", "this line is empty; remove it"),
    ],
)
def test_each_rule_of_the_segment_task(tmp_path, row, reason):
    found = check(tmp_path, f"{SEGMENT}1,a:0 a:5\n{row}\n0,z:0\n", max_segments=3)
    assert found == Validation(task="segment", num_rows=3, num_entries=3, errors=[f"line 3: {reason}"])


@pytest.mark.parametrize("factor", [reading._HASH_FACTOR, np.uint64(0)], ids=["factor", "nearly all hashes equal"])
@pytest.mark.parametrize(
    ("segments", "twice"),
    [
        ("a:5 b:5 c:5", None),
        ("a:5 b:5 c:5 b:5", "b:5"),
        ("a;5:10 a:10 a:5 ;a:5 a;:5", None),
        ("a;5:10 a:10 a:5 ;a:5 a;:5 a;5:10", "a;5:10"),
        ("ab:0 a:0 b:0 ba:0 aab:0", None),
        ("a:5 a:50 a:500 a:5000 a5:0 a50:0", None),
        ("aaaaaaaa:5 aaaaaaaaa:5 aaaaaaaaaa:5 aaaaaaaab:5", None),
        ("aaaaaaaaab:5 baaaaaaaaa:5 aaaaaaaaab:0 aaaaaaaaab:5 baaaaaaaaa:5", "aaaaaaaaab:5"),
        ("12345678abcdefgh:5 abcdefgh12345678:5", None),
        ("ä:5 a:5 Ã:5", None),
        ("ä:5 a:5 ä:5", "ä:5"),
        ("a:5 aa:5", None),
    ],
)
def test_segments_listed_twice(monkeypatch, tmp_path, segments, twice, factor):
    monkeypatch.setattr(reading, "_HASH_FACTOR", factor)
    found = check(tmp_path, f"{SEGMENT}1,{segments}\n")
    assert found.errors == ([] if twice is None else [f"line 2: segment {twice!r} is listed twice; list it once"])
    assert found.num_entries == (len(segments.split(" ")) if twice is None else 0)


@pytest.mark.parametrize("first", ["a:05 a:5", "a:5 a:05"])
def test_one_start_is_written_one_way(tmp_path, first):
    reason = "line 2: 'a:05' is not a segment; write id:start, with the start in whole seconds and one space between segments"
    assert check(tmp_path, f"{SEGMENT}1,{first}\n").errors == [reason]


def test_many_segments_of_which_one_may_be_listed_twice(tmp_path):
    rng = np.random.default_rng(0)
    for length in (1, 4, 8, 11, 30):
        videos = ["".join(map(chr, letters)) for letters in rng.integers(97, 123, (60, length))]
        pairs = sorted({(video, int(start)) for video in videos for start in rng.integers(0, 60, 20) * 5})
        tokens = [f"{video}:{start}" for video, start in (pairs[place] for place in rng.permutation(len(pairs)))]
        assert check(tmp_path, f"{SEGMENT}1,{' '.join(tokens)}\n").errors == []
        again = tokens[int(rng.integers(len(tokens)))]
        tokens.insert(int(rng.integers(len(tokens))), again)
        found = check(tmp_path, f"{SEGMENT}1,{' '.join(tokens)}\n")
        assert found.errors == [f"line 2: segment {again!r} is listed twice; list it once"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "line 1: there is no header; it must be"),
        (b"Id,Pairs\na,1 0.5\n", "line 1: the header is 'Id,Pairs'; it must be"),
        (b"\x00\x01\xfe" * 5000, "line 1: the header is"),
        (
            b"\xef\xbb\xbf" + VIDEO.encode() + b"a,1 0.5\n",
            "line 1: begins with a byte order mark; save it as plain UTF-8",
        ),
        (
            b'"VideoId","LabelConfidencePairs"\n"a","1 0.5"\n',
            "line 1: the header is in quotes; write it, and the lines below it, without them",
        ),
    ],
)
def test_other_files(tmp_path, content, reason):
    found = check(tmp_path, content)
    assert (found.task, found.num_rows, found.num_entries) == (None, 0, 0)
    assert len(found.errors) == 1
    assert found.errors[0].startswith(reason)


@pytest.mark.parametrize("header", [VIDEO, SEGMENT])
def test_a_header_alone_is_an_error(tmp_path, header):
    assert check(tmp_path, header).errors == ["line 1: nothing follows the header; add a line for each row"]


def test_the_number_of_classes_is_an_option(tmp_path):
    content = VIDEO + "a,4715 0.5\n"
    assert len(check(tmp_path, content).errors) == 1
    assert check(tmp_path, content, num_classes=4716).errors == []
    assert check(tmp_path, SEGMENT + "4715,a:0\n", num_classes=4716).errors == []


def test_the_segment_classes_are_an_option(tmp_path):
    classes = tmp_path / "segment_label_ids.csv"
    classes.write_text("Index\n3\n8\n")
    found = check(tmp_path, SEGMENT + "3,a:0\n4,a:0\n", segment_classes_path=classes)
    assert found.errors == ["line 3: class 4 is not one of the 2 classes of the task; remove the line"]


def test_a_long_list_of_errors_is_cut(tmp_path):
    found = check(tmp_path, VIDEO + "".join(f"v{row},1\n" for row in range(30)) + "ok,1 0.5\n")
    assert len(found.errors) == 21
    assert found.errors[19].startswith("line 21: ")
    assert found.errors[20] == "... and 10 more"
    assert (found.num_rows, found.num_entries) == (31, 1)


def test_a_missing_file_cannot_be_validated(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        validate(tmp_path / "missing.csv")


def test_segment_classes_are_not_for_videos(tmp_path):
    with pytest.raises(InputError, match="is for the video task, which has no segment classes"):
        check(tmp_path, VIDEO + "a,1 0.5\n", segment_classes_path=tmp_path / "nothing.csv")


def ranking(*classes):
    return SEGMENT + "".join(f"{class_id},a:0\n" for class_id in classes)


def test_classes_that_a_list_has_and_the_file_lacks_are_a_remark(tmp_path):
    listed = tmp_path / "vocabulary.csv"
    listed.write_text('Index,Name,Description\n3,A,"two\nlines"\n' + "".join(f"{c},B,\n" for c in (5, 8, 13, 21)))
    found = check(tmp_path, ranking(5, 3), segment_classes_path=listed)
    assert (found.errors, found.num_rows) == ([], 2)
    assert found.remarks == [
        f"3 of the 5 classes of {listed} have no row (8, 13, 21); a class without one counts 0 where it has a positive, "
        "so segment MAP is at most 0.4000 if all of them have"
    ]
    (remark,) = check(tmp_path, ranking(21, 8, 5, 3), segment_classes_path=listed).remarks
    assert remark.startswith(f"1 of the 5 classes of {listed} has no row (13); ")
    assert "at most 0.8000" in remark
    assert check(tmp_path, ranking(3, 5, 8, 13, 21), segment_classes_path=listed).remarks == []
    # What an error hides is not missing.
    assert check(tmp_path, ranking(3, 5, 8, 13) + "21,a:1\n", segment_classes_path=listed).remarks == []


@pytest.mark.parametrize(
    ("count", "remark"),
    [
        (
            900,
            "900 classes are ranked, and the challenge ranks 1000; a class without a row counts 0, so segment MAP is at most "
            "0.9000; --segment-classes FILE says which they are",
        ),
        (1000, None),
        (
            3862,
            "3862 classes are ranked, and the challenge ranks 1000; the rows of the others add nothing to segment MAP; "
            "--segment-classes FILE says which they are",
        ),
    ],
)
def test_another_number_of_classes_than_the_challenge_ranks_is_a_remark(tmp_path, count, remark):
    found = check(tmp_path, ranking(*range(count)))
    assert (found.errors, found.remarks) == ([], [remark] if remark else [])
    if count < 3862:
        assert check(tmp_path, ranking(*range(count)), num_classes=1200).remarks == []  # another vocabulary
