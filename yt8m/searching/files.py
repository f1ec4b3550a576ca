"""Extracts video files as the videos of an index were extracted."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from yt8m.data.extraction import NetworkChoice
from yt8m.data.features import texts_of
from yt8m.data.tables.videos import VideoRow
from yt8m.errors import InputError
from yt8m.extracting.extracted import Extracted, Options
from yt8m.extracting.features import features_of
from yt8m.extracting.inputs import find_video_files
from yt8m.extracting.naming import ids_of
from yt8m.extracting.networks.network import Network
from yt8m.extracting.networks.registry import load_network
from yt8m.progress import SILENT, Progress
from yt8m.searching.index import Extractor, Settings


def open_network(settings: Settings, where: str) -> tuple[Network, Options]:
    """The network by which the videos of an index were extracted.

    Args:
        settings: those of the index.
        where: the video that needs it, for messages.

    Raises:
        InputError: the index does not know it, it cannot be loaded, or has become another one since.
    """
    extractor = settings.extractor
    if extractor is None:
        raise InputError(
            f"{where}: is a video file, and the index does not know the network to extract it by; yt8m extract makes records of "
            "videos, and an index of these knows its network"
        )
    network = _load(extractor)
    same = json.loads(json.dumps(network.identity)) == extractor.identity
    if not same or not {*texts_of(settings.features)} <= {*texts_of(network.features)}:
        raise InputError(
            f"{where}: cannot be compared with the index: {extractor.name} gives other features now than when the videos there "
            "were extracted; make the records and the index anew"
        )
    return network, Options(rounding=extractor.rounding)


def _load(extractor: Extractor) -> Network:
    choice = NetworkChoice(**extractor.network)
    return load_network(choice.name, folder=choice.folder, weights=choice.weights, pca=choice.pca)


def extract_one(path: str, settings: Settings, progress: Progress = SILENT) -> Extracted:
    """The features of a video file, as an index has them. Raises InputError, as `open_network` and `features_of` do."""
    network, options = open_network(settings, path)
    return features_of(path, network, options=options, progress=progress)


def extract_videos(
    paths: Sequence[str],
    settings: Settings,
    known: Mapping[str, str],
    failed: Callable[[str], None],
    progress: Progress = SILENT,
) -> Iterator[tuple[str, str, Extracted]]:
    """Extracts video files, one after the other.

    Args:
        paths: files, directories or globs.
        settings: those of the index.
        known: the ids of videos in the index, by their files. A file that is there keeps its id.
        failed: gets a line for each video that cannot be extracted; the others are.
        progress: counts the seconds of video.

    Yields:
        The id, the absolute path, and what was extracted.

    Raises:
        InputError: a path stands for no video, or see `open_network`.
    """
    files = find_video_files(paths)
    network, options = open_network(settings, files[0])
    ids = ids_of(files, rows={video: VideoRow(video, path) for path, video in known.items()})
    for path in files:
        try:
            yield ids[path], path, features_of(path, network, options=options, progress=progress)
        except InputError as error:
            failed(str(error))
