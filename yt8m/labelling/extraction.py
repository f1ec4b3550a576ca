"""What is labelled: the videos of records, or videos whose features are extracted now."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from yt8m.config import RunConfig
from yt8m.data.extraction import NetworkChoice, find_extraction, read_extraction
from yt8m.data.tables.videos import find_videos, read_videos
from yt8m.data.tables.vocabulary import find_vocabulary, read_class_names
from yt8m.errors import InputError
from yt8m.extracting.features import features_of_all
from yt8m.extracting.naming import ids_of
from yt8m.labelling.networks import network_of
from yt8m.labelling.windows import Content, WindowScorer
from yt8m.progress import SILENT, Progress
from yt8m.runs.learned import first_records
from yt8m.video.containers import require_av


@dataclass(frozen=True)
class Item:
    """A video to label."""

    video_id: str
    path: str
    """The video file; empty if it is unknown."""
    source: str
    """See `LabelledVideo`."""
    content: Content
    length: float | None = None
    """Seconds of the video file; None if they are unknown. Its last row of features may stand for a part of a second."""


class VideoExtractor:
    """Extracts the features of videos for a run.

    Args:
        run: the run directory.
        config: its configuration.
        choice: the network; None = the one that made the run's training records.

    Raises:
        InputError: PyAV is missing; the network is not known, cannot be loaded, or gives other features than those the run reads.
    """

    def __init__(self, run: str, config: RunConfig, choice: NetworkChoice | None):
        require_av()
        self._records = first_records(run, config)
        self._network, self._options = network_of(run, config, self._records, choice)

    def class_names(self) -> Mapping[int, str]:
        """The names of the classes at the root of the run's training records; empty if there are none."""
        found = find_vocabulary(self._records) if self._records else None
        return read_class_names(found) if found else {}

    def items(
        self,
        paths: Sequence[str],
        scorer: WindowScorer,
        problems: dict[str, str],
        jobs: int | None = None,
        progress: Progress = SILENT,
    ) -> Iterator[Item]:
        """Extracts videos, several at once, and yields each as soon as it is known.

        Args:
            paths: absolute paths of the video files.
            scorer: what they are for.
            problems: gets a line for each video that cannot be read or scored, by path.
            jobs: the most videos to read at once; None = one for each core.
            progress: counts the seconds of all videos, and gets a line on one of which a part cannot be read.
        """
        ids = self._ids(paths)
        for path, found in features_of_all(paths, self._network, options=self._options, jobs=jobs, progress=progress):
            if isinstance(found, InputError):
                problems[path] = str(found)
                continue
            for remark in found.problems:
                progress.message(f"{path}: {remark}")
            content = Content(found.streams)
            problem = scorer.why_not(content)
            if problem:
                problems[path] = f"{path}: {problem}"
            else:
                yield Item(ids[path], path, path, content, found.seconds)

    def _ids(self, paths: Sequence[str]) -> dict[str, str]:
        """The ids by path: those that `yt8m extract` would give if it added these videos to the training records."""
        table = find_videos(self._records) if self._records else None
        extraction = find_extraction(self._records) if self._records else None
        rows = read_videos(table) if table else {}
        return ids_of(paths, "name", rows, read_extraction(extraction).files if extraction else {})
