"""What could be reached on the sample data by someone who knows how it was made: `python -m benchmarks.ceiling`.

Every second is compared with every appearance of every class, and with the distractions, as the generator draws them; a
class's score is its best five seconds. What is left are labels whose shot was drawn over, and luck.
"""

import numpy as np

from benchmarks.sizes import parser_of, sized
from yt8m.data.quantisation import dequantise
from yt8m.data.tools import synthetic_videos
from yt8m.data.tools.synthetic_videos import World, make_video, make_world
from yt8m.metrics import VideoMetrics

WINDOW = 5
"""Seconds of the shortest shot."""


def _templates(world: World) -> tuple[np.ndarray, np.ndarray]:
    """What a frame may show without surroundings, float32 [N, 1024], and whose it is, int64 [N], -1 for nobody's."""
    scene, thing, faint = synthetic_videos._SCENE, synthetic_videos._OBJECT, synthetic_videos._CLASS
    background = synthetic_videos._BACKGROUND * world.backgrounds
    scenes, things = scene * world.scenes, thing * world.objects
    shown = scenes[world.appearances[..., 0]] + things[world.appearances[..., 1]]
    shown = shown + faint * world.class_vectors[:, None]
    num_classes, num_appearances = world.appearances.shape[:2]
    both = (background[:, None] + things[None]).reshape(-1, things.shape[1])
    distractions = np.concatenate([background, scenes, both])
    owners = np.repeat(np.arange(num_classes), num_appearances)
    templates = np.concatenate([shown.reshape(-1, shown.shape[-1]), distractions])
    return templates, np.append(owners, np.full(len(distractions), -1))


def _scores(frames: np.ndarray, templates: np.ndarray, owners: np.ndarray, num_classes: int) -> np.ndarray:
    """The best window of each class: how much nearer it is to the class than to all else, float64 [C]."""
    distances = ((frames**2).sum(axis=1)[:, None] - 2 * frames @ templates.T) + (templates**2).sum(axis=1)
    sums = np.cumsum(np.concatenate([np.zeros((1, len(templates))), distances]), axis=0)
    windows = sums[WINDOW:] - sums[:-WINDOW]
    scores = np.empty(num_classes)
    for class_id in range(num_classes):
        own = owners == class_id
        scores[class_id] = (windows[:, ~own].min(axis=1) - windows[:, own].min(axis=1)).max()
    return scores


def measure(num_videos: int = sized(400, 8), num_classes: int = 60, seed: int = 0) -> dict[str, float]:
    """GAP, MAP, Hit@1 and PERR of someone who knows the generator."""
    random = np.random.default_rng(seed)
    world = make_world(num_classes, random)
    templates, owners = _templates(world)
    metrics = VideoMetrics(num_classes)
    for index in range(num_videos):
        video = make_video(f"{index:04d}", world, random)
        labels = np.zeros((1, num_classes), bool)
        labels[0, video.labels] = True
        scores = _scores(dequantise(video.frames["rgb"]), templates, owners, num_classes)
        # Any rising function from all numbers to (0, 1) keeps the order; half of the frames' scale is 1 here.
        metrics.update((np.arctan(scores / 500) / np.pi + 0.5)[None], labels)
    return metrics.result()


if __name__ == "__main__":
    parser_of("benchmarks.ceiling", __doc__).parse_args()
    for name, value in measure().items():
        print(f"{name}  {value:.4f}")
