"""The files of `yt8m label`: a table, and chapters."""

import os
from collections.abc import Sequence
from pathlib import Path

from yt8m.data.ids import unique_file_name
from yt8m.data.tables.timed_labels import write_timed_labels
from yt8m.errors import InputError
from yt8m.files import NewFile, make_directory
from yt8m.labelling.labels import LabelledVideo, chapters_of
from yt8m.labelling.webvtt import as_webvtt
from yt8m.runs import check_output


class Outputs:
    """The files to write. Make it before the work.

    Args:
        csv: the table; None = none.
        chapters: the directory of chapters; None = none.
        run: the run, whose files stay.
        inputs: the paths that are read, which stay, too.

    Raises:
        InputError: a file cannot be written, or would replace something that is kept.
    """

    def __init__(
        self, csv: str | None, chapters: str | None, run: str | os.PathLike, inputs: Sequence[str | os.PathLike]
    ):
        self._csv, self._chapters = csv, chapters
        inputs = [os.fspath(each) for each in inputs if os.path.isfile(each)]
        if csv is not None:
            check_output(csv, [run], inputs=inputs)
        if chapters is not None:
            if os.path.exists(chapters) and not os.path.isdir(chapters):
                raise InputError(f"{chapters}: is a file; name a directory for the chapters")
            check_output(os.path.join(chapters, "x.vtt"), [run])

    def write(self, videos: Sequence[LabelledVideo]) -> None:
        """Writes the files, each of which appears complete."""
        if self._csv is not None:
            with NewFile(self._csv) as file:
                file.write(write_timed_labels(row for video in videos for row in video.rows()))
        if self._chapters is not None:
            make_directory(self._chapters)
            for video in videos:
                with NewFile(Path(self._chapters, chapters_file(video.video_id))) as file:
                    file.write(as_webvtt(chapters_of(video.windows)).encode(errors="backslashreplace"))


def chapters_file(video_id: str) -> str:
    """The name of the file of chapters of a video: `a%2Fb.vtt`."""
    return f"{unique_file_name(video_id)}.vtt"
