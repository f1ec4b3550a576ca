"""`yt8m.predicting.scoring.score`: what is said of files that are not what they should be."""

import pytest
from made_up import stored_at, videos

from yt8m.errors import InputError
from yt8m.predicting.scoring import score

RECORDS = "2/video/validate"


@pytest.fixture
def submission(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("VideoId,LabelConfidencePairs\nabcd,1 0.5 2 0.25 \n")
    return str(path)


def test_swapped_arguments_get_the_command_that_was_meant(sample, submission, tmp_path):
    records = str(sample / RECORDS)
    stored_at(tmp_path / "stored", videos())
    for scored, what in ((submission, "a submission"), (str(tmp_path / "stored"), "of stored predictions")):
        message = (
            f"^--data {scored}: is {what}; what is scored comes first, and --data names the labelled records: "
            f"yt8m score {scored} --data {records}$"
        )
        with pytest.raises(InputError, match=message):
            score(records, [scored])
    with pytest.raises(InputError, match=f"^--data {submission}: is a submission; .* names the labelled records$"):
        score(str(tmp_path / "stored"), [records, submission])


def test_a_space_at_the_end_of_a_line_is_named(sample, submission):
    with pytest.raises(InputError, match=f"^{submission}, line 2: ends in a space; remove it$"):
        score(submission, str(sample / RECORDS))
