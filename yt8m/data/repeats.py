"""Finds videos or segments that come twice where each may count only once.

All ids are kept in memory: about 130 MB for the 1.1 million videos of a whole test split.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from yt8m.data.schema import SEGMENT_FRAMES
from yt8m.errors import InputError


class RepeatError(InputError):
    """A video or a segment comes twice. The error does not know in which records.

    Attributes:
        video_id: the video's id.
        start: the segment's first second; None = the whole video.
    """

    def __init__(self, video_id: bytes, start: int | None = None):
        super().__init__(f"{say_what(video_id, start)} comes twice, and each may be there once; give every file once")
        self.video_id, self.start = video_id, start


def say_what(video_id: bytes, start: int | None) -> str:
    """Names what comes twice, for a message."""
    name = f"video {video_id.decode(errors='backslashreplace')!r}"
    return name if start is None else f"the segment at {start} s of {name}"


class Earlier(NamedTuple):
    """An earlier occurrence."""

    place: int
    """The caller's number for the place."""
    start: int | None
    """The segment's first second; None = a whole video."""


class _Rated(NamedTuple):
    """Segments of one video at one place."""

    bits: int
    """One bit for each segment."""
    place: int


class Once:
    """The videos or segments seen so far, each with the place it came from. The caller numbers the places."""

    def __init__(self):
        self._videos: dict[bytes, int] = {}
        self._segments: dict[bytes, list[_Rated]] = {}

    @property
    def num_videos(self) -> int:
        """The number of videos seen, whole or in segments."""
        return len(self._videos) + len(self._segments)

    def first(self, video_id: bytes, starts: Collection[int] | None = None, place: int = 0) -> Earlier | None:
        """Adds a video, or some of its segments, unless one of them came before.

        Args:
            video_id: the video's id.
            starts: first seconds of segments, each once; None = the whole video.
            place: number of the place that they come from.

        Returns:
            The earlier occurrence; None if there is none.
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
        """Adds a batch of videos, or of segments, one in each row. Raises RepeatError if one came before."""
        for row, video_id in enumerate(ids):
            found = self.first(video_id, None if starts is None else (int(starts[row]),))
            if found:
                raise RepeatError(video_id, found.start)

    def merge(self, other: "Once") -> None:
        """Adds all of `other`, which does not change. Raises RepeatError if both hold the same video or segment."""
        self.add(list(other._videos))
        for video_id, known in other._segments.items():
            bits = sum(each.bits for each in known)
            starts = [number * SEGMENT_FRAMES for number in range(bits.bit_length()) if bits >> number & 1]
            found = self.first(video_id, starts)
            if found:
                raise RepeatError(video_id, found.start)
