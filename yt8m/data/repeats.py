"""Whether a video, or a segment of one, comes twice among records of which each counts once.

The ids are kept: about 130 MB for the 1.1 million videos of a whole test split.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from yt8m.data.schema import SEGMENT_FRAMES
from yt8m.errors import InputError


class RepeatError(InputError):
    """A video, or a segment of one, comes twice; where, is not known here.

    Attributes:
        video_id: of the video.
        start: of the segment, its first second; None where the whole video is meant.
    """

    def __init__(self, video_id: bytes, start: int | None = None):
        super().__init__(f"{say_what(video_id, start)} comes twice, and each may be there once; give every file once")
        self.video_id, self.start = video_id, start


def say_what(video_id: bytes, start: int | None) -> str:
    """What comes twice, for a message."""
    name = f"video {video_id.decode(errors='backslashreplace')!r}"
    return name if start is None else f"the segment at {start} s of {name}"


class Earlier(NamedTuple):
    """What came before."""

    place: int
    """The caller's number of the place."""
    start: int | None
    """The segment's first second; None of a whole video."""


class _Rated(NamedTuple):
    """Segments of a video at one place."""

    bits: int
    """One a segment."""
    place: int


class Once:
    """The videos, or segments of videos, that have come so far, and from which place each: a number of the caller's."""

    def __init__(self):
        self._videos: dict[bytes, int] = {}
        self._segments: dict[bytes, list[_Rated]] = {}

    @property
    def num_videos(self) -> int:
        """Those that came, whole or in segments."""
        return len(self._videos) + len(self._segments)

    def first(self, video_id: bytes, starts: Collection[int] | None = None, place: int = 0) -> Earlier | None:
        """Adds a video, or some of its segments, unless one of them came before.

        Args:
            video_id: of the video.
            starts: first seconds of segments, each once; None = the whole video.
            place: where they are.

        Returns:
            What came before; None if all is new.
        """
        if starts is None:
            if video_id in self._videos:
                return Earlier(self._videos[video_id], None)
            self._videos[video_id] = place
            return None
        bits = sum(1 << start // SEGMENT_FRAMES for start in starts)
        known = self._segments.setdefault(video_id, [])
        for each in known:
            if common := each.bits & bits:
                return Earlier(each.place, ((common & -common).bit_length() - 1) * SEGMENT_FRAMES)
        if known and known[-1].place == place:
            bits |= known.pop().bits
        known.append(_Rated(bits, place))
        return None

    def add(self, ids: Sequence[bytes], starts: Sequence[int] | None = None) -> None:
        """Adds a batch of videos, or of segments, one a row. Raises RepeatError if one came before."""
        for row, video_id in enumerate(ids):
            found = self.first(video_id, None if starts is None else (int(starts[row]),))
            if found:
                raise RepeatError(video_id, found.start)

    def merge(self, other: "Once") -> None:
        """Adds all of another one, which stays as it is. Raises RepeatError if one came in both."""
        self.add(list(other._videos))
        for video_id, known in other._segments.items():
            bits = sum(each.bits for each in known)
            starts = [number * SEGMENT_FRAMES for number in range(bits.bit_length()) if bits >> number & 1]
            found = self.first(video_id, starts)
            if found:
                raise RepeatError(video_id, found.start)
