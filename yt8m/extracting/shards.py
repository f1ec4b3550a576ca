"""Files of records that grow: videos are added, replaced, labelled anew or taken out."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from yt8m.data.identity import read_ids
from yt8m.data.protos import Features, field_at, with_length
from yt8m.data.records import framed, read_framing
from yt8m.errors import RecordError
from yt8m.files import NewFile

_REMEDY = "remove the file, and its videos are extracted again"
PATTERN = "videos[0-9][0-9][0-9][0-9]*.tfrecord"


def shard_name(number: int) -> str:
    """The name of a file of records: `videos0007.tfrecord`. None of a split begins so."""
    return f"videos{number:04d}.tfrecord"


def read_shards(directory: Path) -> dict[str, list[str]]:
    """The ids in each file of records, by the file's name, in order.

    Raises:
        RecordError: a file is damaged.
    """
    paths = sorted(directory.glob(PATTERN), key=lambda path: (len(path.name), path.name))
    try:
        return {path.name: [video_id.decode() for video_id in read_ids([str(path)])] for path in paths}
    except RecordError as error:
        raise RecordError(error.path, error.record, f"{error.reason}; {_REMEDY}") from error


def with_labels(record: bytes, labels: Sequence[int] | None) -> bytes:
    """A record with other labels.

    Args:
        record: serialized, of either level.
        labels: class ids; None takes the key away.
    """
    place = field_at(record, 0, 1)  # the context, or the features of a video-level record
    assert place is not None, "records here are our own"
    features = Features.FromString(record[place])
    if "labels" in features.feature:
        del features.feature["labels"]
    if labels is not None:
        features.feature["labels"].int64_list.value.extend(labels)
    return with_length(1, features.SerializeToString(deterministic=True)) + record[place.stop :]


def write_shard(
    path: Path, ids: Sequence[str], old_ids: Sequence[str], new: Callable[[str, bytes | None], bytes]
) -> None:
    """Writes a file of records, or replaces it. It appears when it is complete.

    Args:
        path: the file.
        ids: the videos to be in it. Those of the old file come first, in its order.
        old_ids: the videos in the old file; empty if there is none.
        new: makes a video's record from its id, and its record in the old file, if it has one.

    Raises:
        InputError: the file cannot be written, or the old one cannot be read.
    """
    wanted, old = set(ids), set(old_ids)
    with NewFile(path) as file:
        for video_id, record in _records(path, old_ids):
            if video_id in wanted:
                file.write(framed(new(video_id, record)))
        for video_id in ids:
            if video_id not in old:
                file.write(framed(new(video_id, None)))


def _records(path: Path, ids: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    if not ids:
        return
    for video_id, raw in zip(ids, read_framing(str(path)), strict=True):
        if raw.problem:
            raise RecordError(str(path), raw.index, f"{raw.problem}; {_REMEDY}")
        yield video_id, raw.data
