"""Numbers that are counted while a run predicts, and the lines that tell them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from yt8m.data import remarks
from yt8m.data.source import Source
from yt8m.data.survey import survey
from yt8m.progress import Progress

if TYPE_CHECKING:
    from yt8m.scoring.scorer import Scored


@dataclass(frozen=True)
class Counts:
    """The numbers of some rows."""

    num_rows: int = 0
    """Videos, or segments."""
    num_short: int = 0
    """Segments with fewer than five frames."""
    num_without_frames: int = 0
    """Videos without frames, of which no segment is ranked."""
    num_cut: int = 0
    """Videos of which not all frames are kept."""

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.num_rows + other.num_rows,
            self.num_short + other.num_short,
            self.num_without_frames + other.num_without_frames,
            self.num_cut + other.num_cut,
        )


def counts_of(batch: "Scored") -> Counts:
    """The numbers of a scored batch."""
    return Counts(len(batch.ids), batch.num_short, batch.num_without_frames, batch.num_cut)


def tell(counts: Counts, name: str, source: Source, max_frames: int, progress: Progress) -> None:
    """Tells of frames that were cut off, segments shorter than five seconds, and videos without segments.

    Args:
        counts: of all rows.
        name: the name of the predictions.
        source: their records.
        max_frames: most frames that are kept of a video.
        progress: gets the lines.
    """
    if cut := remarks.cut_remark(survey(source.files), counts.num_cut, max_frames):
        progress.message(cut)
    if counts.num_short:
        segments = "1 segment has" if counts.num_short == 1 else f"{counts.num_short} segments have"
        progress.message(
            f"{name}: {segments} fewer than five frames, as the last of a video or the only one; what there is of them is ranked"
        )
    if counts.num_without_frames:
        videos = "1 video has" if counts.num_without_frames == 1 else f"{counts.num_without_frames} videos have"
        progress.message(f"{name}: {videos} no frames, so no segment, and nothing of that is ranked")
