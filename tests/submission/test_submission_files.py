import pytest

from yt8m.errors import InputError
from yt8m.submission.files import LineError, check_task, detect_task


@pytest.mark.parametrize(("header", "task"), [("VideoId,LabelConfidencePairs", "video"), ("Class,Segments", "segment")])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", ""])
def test_the_header_tells_the_task(tmp_path, header, task, line_end):
    path = tmp_path / "in.csv"
    path.write_bytes(f"{header}{line_end}".encode())
    assert detect_task(path) == task


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "there is no header; it must be 'VideoId,LabelConfidencePairs'"),
        (b"VideoId,Pairs\n", "the header is 'VideoId,Pairs'"),
        (b"\xfd\xfe\x00" * 1000, "the header is"),
        (b"\xff\xfe" + "VideoId,LabelConfidencePairs\n".encode("utf-16-le"), "is UTF-16 text; save it as UTF-8"),
        ("VideoId,LabelConfidencePairs\na,1 1\n".encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        ("Class,Segments\r\n3,a:5\r\n".encode("utf-16-be"), "is UTF-16 text; save it as UTF-8"),
        (b"Class,Segments\r3,a:5\r", "its lines end in a carriage return alone; save it with the line ends of"),
        (b"Class,Segments \n3,a:5\n", "the header begins or ends in a space; remove it"),
    ],
)
def test_other_headers_are_refused(tmp_path, content, message):
    path = tmp_path / "in.csv"
    path.write_bytes(content)
    with pytest.raises(LineError, match=message) as caught:
        detect_task(path)
    assert (caught.value.line, caught.value.path) == (1, str(path))
    assert "\n" not in str(caught.value)


def test_a_submission_for_the_other_task_is_refused(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("Class,Segments\n")
    with pytest.raises(LineError, match="a submission for the segment task; give one for the video task"):
        check_task(path, "video")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"missing\.csv: cannot be read"):
        detect_task(tmp_path / "missing.csv")
