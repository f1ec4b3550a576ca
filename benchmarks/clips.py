"""`make bench-clips`: cuts found in films whose cuts are known, and clusters of clips against what the sample data show.

Films are made by `yt8m synth --as films`. A cut counts as found if a clip begins within a second of it, each for one.
"""

import itertools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from benchmarks import documents
from benchmarks.sizes import parser_of, sized
from yt8m.clips.clipping import make_clips
from yt8m.data.features import KNOWN
from yt8m.data.quantisation import dequantise
from yt8m.data.records import frame_level_record, framed
from yt8m.data.tables.clips import Clip
from yt8m.data.tools.synthetic_videos import Video, make_video, make_world
from yt8m.extracting.networks.network import Network
from yt8m.extracting.networks.registry import DEFAULT, load_network
from yt8m.video.making import TRANSITIONS, Film, make_scenes

NUM_FILMS = sized(10, 1)
NUM_VIDEOS, NUM_CLASSES = sized(40, 6), sized(60, 6)
SEEDS = sized((0, 1, 2), (0,))
TOLERANCE = 1.0

Starts = dict[str, list[float]]
"""When clips begin but the first, by video."""


def matched(found: Sequence[float], true: Sequence[float]) -> int:
    """Pairs of a found and a true time that are near enough, each time in one pair; as many as possible."""
    left, count = sorted(found), 0
    for time in sorted(true):
        while left and left[0] < time - TOLERANCE:
            left.pop(0)
        if left and left[0] <= time + TOLERANCE:
            left.pop(0)
            count += 1
    return count


def scores_of(starts: Starts, films: Sequence[Film]) -> list[str]:
    """Cells: F1, precision and recall of all cuts, and the share that is found of each kind."""
    found = sum(map(len, starts.values()))
    true = sum(len(film.cuts) for film in films)
    hits = sum(matched(starts.get(film.path.stem, []), film.cuts) for film in films)
    cells = [f"{2 * hits / max(found + true, 1):.3f}", f"{hits / max(found, 1):.3f}", f"{hits / max(true, 1):.3f}"]
    for kind in TRANSITIONS:
        own = [(film, scene) for film in films for scene in film.scenes[1:] if scene.transition == kind]
        near = [
            any(abs(time - scene.start) <= TOLERANCE for time in starts.get(film.path.stem, [])) for film, scene in own
        ]
        cells.append(f"{sum(near)} of {len(own)}")
    return cells


def starts_of(clips: Sequence[Clip]) -> Starts:
    """See `Starts`."""
    found: Starts = {}
    for before, after in itertools.pairwise(clips):
        if before.video == after.video:
            found.setdefault(after.video, []).append(after.start)
    return found


def films_table(root: Path, network: Network) -> str:
    """The table of cuts."""
    films = make_scenes(root / "films", NUM_FILMS, seed=1)
    rows = []
    for shots in ("features", "pixels"):
        result = make_clips(
            root / shots, videos=[str(film.path) for film in films], network=network, shots=shots, timelines="none"
        )
        rows.append([f"`--shots {shots}`", *scores_of(starts_of(result.clips), films)])
    length = sum(film.seconds for film in films)
    every = {film.path.stem: [each for each in np.arange(5, film.seconds, 5.0)] for film in films}
    rows.append(["a cut every 5 s", *scores_of(every, films)])
    header = [
        f"{len(films)} films, {length:,.0f} s",
        "F1",
        "precision",
        "recall",
        *(f"{kind}s" for kind in TRANSITIONS),
    ]
    return documents.table([f"{name[:-2]}es" if name == "wipees" else name for name in header], rows)


def sample(root: Path, seed: int) -> tuple[str, list[Video]]:
    """Videos as `yt8m synth` makes them, in a file of records."""
    world = make_world(NUM_CLASSES, np.random.default_rng([seed, 0]))
    videos = [make_video(f"v{number}", world, np.random.default_rng([seed, 2, number])) for number in range(NUM_VIDEOS)]
    path = root / f"sample{seed}.tfrecord"
    path.write_bytes(b"".join(framed(frame_level_record(each.video_id, each.labels, each.frames)) for each in videos))
    return str(path), videos


def by_second(clips: Sequence[Clip], videos: Sequence[Video]) -> list[int]:
    """The cluster of each second of all videos."""
    of_video: dict[str, list[int]] = {}
    for clip in clips:
        of_video.setdefault(clip.video, []).extend([clip.cluster] * round(clip.end - clip.start))
    return [cluster for video in videos for cluster in of_video[video.video_id]]


def by_k_means(videos: Sequence[Video], number: int, seed: int) -> np.ndarray:
    """The cluster of each second, from its frame alone."""
    frames = np.concatenate(
        [
            np.concatenate([dequantise(video.frames[name], KNOWN[name]) for name in ("rgb", "audio")], axis=1)
            for video in videos
        ]
    )
    return KMeans(number, n_init=1, random_state=seed).fit(frames).labels_


def sample_table(root: Path) -> str:
    """The table of clusters."""
    found: dict[str, list[tuple[float, int]]] = {}
    for seed in SEEDS:
        path, videos = sample(root, seed)
        shown = np.concatenate([video.appearance for video in videos])
        number = len(np.unique(shown))

        def add(name: str, clusters: Sequence[int] | np.ndarray, shown: np.ndarray = shown) -> None:
            found.setdefault(name, []).append((adjusted_rand_score(shown, clusters), len(np.unique(clusters))))

        chosen = make_clips(root / f"chosen{seed}", [path], timelines="none")
        add("`yt8m clips`", by_second(chosen.clips, videos))
        given = make_clips(root / f"given{seed}", [path], timelines="none", clusters=number)
        add("`yt8m clips --clusters`, the true number", by_second(given.clips, videos))
        add("k-means on frames, the number of `yt8m clips`", by_k_means(videos, chosen.num_clusters, seed))
        add("k-means on frames, the true number", by_k_means(videos, number, seed))
        found.setdefault("appearances", []).append((1.0, number))
    rows = [[name, _mean(found[name], 0, "{:.3f}".format), _mean(found[name], 1, "{:.0f}".format)] for name in found]
    header = [f"{NUM_VIDEOS} videos, {NUM_CLASSES} classes, {len(SEEDS)} seeds", "adjusted Rand index", "clusters"]
    return documents.table(header, rows)


def _mean(values: Sequence[tuple[float, int]], place: int, text: Callable[[float], str]) -> str:
    own = [each[place] for each in values]
    spread = f" ± {text(float(np.std(own)))}" if len(own) > 1 and np.std(own) > 0 else ""
    return text(float(np.mean(own))) + spread


def measure() -> str:
    """Both tables."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        return "\n\n".join([films_table(root, load_network(DEFAULT)), sample_table(root)])


if __name__ == "__main__":
    parser_of("benchmarks.clips", __doc__).parse_args()
    documents.write("clips", measure())
