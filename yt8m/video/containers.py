"""Opens video files by PyAV and chooses their streams."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from yt8m.errors import InputError, not_installed
from yt8m.files import check_local

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

_STILL = ("image2", "_pipe")
_MAY_BE_STILL = {"apng", "gif"}
_PLAYLISTS = {"concat", "dash", "hls", "imf", "webm_dash_manifest"}


def require_av() -> None:
    """Raises InputError if PyAV is missing."""
    try:
        import av  # noqa: F401
    except ImportError as error:
        raise not_installed("reading videos", "PyAV", "video", error) from None


@contextlib.contextmanager
def opened(path: str | os.PathLike) -> Iterator["InputContainer"]:
    """Opens a file for the block.

    Raises:
        InputError: the file is missing, a directory, empty, a still picture, a list of other files, or none that FFmpeg knows;
            or PyAV is missing.
    """
    require_av()
    import av

    shown = os.fspath(path)
    check_local(path, "the video")
    check_file(shown)
    try:
        # "file:" keeps FFmpeg from taking a colon in the name for the end of a protocol.
        container = av.open(f"file:{shown}", metadata_errors="replace", options={"protocol_whitelist": "file"})
    except (av.FFmpegError, OSError) as error:
        reason = (
            "is no video, or is cut off before its index" if _is_damaged(error) else f"cannot be read: {error.strerror}"
        )
        raise InputError(f"{shown}: {reason}") from None
    with container:
        names = container.format.name.split(",")
        if any(name.endswith(_STILL) for name in names):
            raise still_picture(shown)
        if _PLAYLISTS.intersection(names):
            raise InputError(f"{shown}: is a list of other files, not a video; name those")
        yield container


def may_be_still(container: "InputContainer") -> bool:
    """Whether a file of this format can be a picture as well as a video."""
    return not _MAY_BE_STILL.isdisjoint(container.format.name.split(","))


def still_picture(path: str | os.PathLike) -> InputError:
    """The error for a picture that was given as a video."""
    return InputError(f"{os.fspath(path)}: is a still picture, not a video")


def _is_damaged(error: Exception) -> bool:
    import av

    return isinstance(error, av.InvalidDataError | av.EOFError)


def check_file(shown: str) -> None:
    """Raises InputError unless there is a file with something in it. Whoever opens a pipe waits, and a device may not end."""
    path = Path(shown)
    try:
        if path.is_dir():
            raise InputError(f"{shown}: is a directory, not a video")
        size = path.stat().st_size
        if not path.is_file():
            raise InputError(f"{shown}: is a device, not a video")
        if size == 0:
            raise InputError(f"{shown}: is empty (0 bytes)")
    except FileNotFoundError:
        raise InputError(f"{shown}: no such file") from None
    except OSError as error:
        raise InputError(f"{shown}: cannot be read: {error.strerror}") from None


def picture_stream(container: "InputContainer", path: str | os.PathLike) -> "VideoStream":
    """The stream that FFmpeg finds best; covers of music do not count.

    Raises:
        InputError: there is none, or FFmpeg cannot decode it.
    """
    from av.stream import Disposition

    moving = [each for each in container.streams.video if not Disposition.attached_pic & each.disposition]
    if not moving:
        has = "sound but no pictures" if container.streams.audio else "no pictures"
        raise InputError(f"{os.fspath(path)}: has {has}; it is not a video")
    best = container.streams.best("video")
    stream = best if best in moving else moving[0]
    if stream.codec_context is None:
        raise InputError(f"{os.fspath(path)}: its pictures are in a format that FFmpeg cannot decode here")
    return stream


def step_of(stream: "VideoStream") -> int:
    """Ticks from a picture to the next one, for pictures that do not say how long they are shown."""
    return max(1, round(1 / (stream.average_rate or stream.guessed_rate or 25) / stream.time_base))


def sound_stream(container: "InputContainer") -> "AudioStream | None":
    """The stream that FFmpeg finds best; None if there is no sound, or none that it can decode."""
    stream = container.streams.best("audio")
    return stream if stream is not None and stream.codec_context is not None else None
