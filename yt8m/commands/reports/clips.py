"""Describes clips, for `yt8m clips`."""

import os
import statistics
from collections import Counter
from typing import Any

from yt8m.errors import quantity

_MOST_CLUSTERS = 10
_MOST_LABELS = 3


def clips_found(result: Any) -> str:
    """Describes a `yt8m.clips.clipping.Clips`: its numbers, the largest clusters, files that were cut, and problems."""
    counts = (quantity(len(result.clips), "clip"), quantity(result.num_scenes, "scene"))
    sure = "" if result.silhouette is None else f" (silhouette {result.silhouette:.2f})"
    lines = [
        f"{os.path.join(result.directory, 'clips.csv')}: {counts[0]} in {counts[1]} of {quantity(result.num_videos, 'video')}; "
        f"{quantity(result.num_clusters, 'cluster')}{sure}"
    ]
    if result.num_joined < len(result.clips):
        lines.append(
            f"{result.num_joined:,} clips were compared with each other; the others went to the nearest cluster of these"
        )
    rows = _clusters(result.clips)
    width = max((len(row[0]) for row in rows), default=0)
    lines += [f"{name:<{width}}  {rest}".rstrip() for name, rest in rows[:_MOST_CLUSTERS]]
    if len(rows) > _MOST_CLUSTERS:
        lines.append(f"... {quantity(len(rows) - _MOST_CLUSTERS, 'more cluster')}")
    lines += _cut(result)
    return "\n".join([*lines, *result.problems])


def clips_values(result: Any) -> dict[str, Any]:
    """Returns a `yt8m.clips.clipping.Clips` as JSON values."""
    return {
        "directory": result.directory,
        "num_videos": result.num_videos,
        "num_clips": len(result.clips),
        "num_scenes": result.num_scenes,
        "num_clusters": result.num_clusters,
        "silhouette": result.silhouette,
        "num_compared": result.num_joined,
        "cut": [
            {
                "video": cut.clip.video,
                "path": os.path.join(result.directory, cut.path),
                "start": cut.clip.start,
                "end": cut.clip.end,
                "first": cut.first,
                "last": cut.last,
            }
            for cut in result.cuts
        ],
        "problems": list(result.problems),
    }


def _clusters(clips: Any) -> list[tuple[str, str]]:
    """A name and a description of each cluster."""
    rows = []
    for cluster in range(max((clip.cluster for clip in clips), default=-1) + 1):
        own = [clip for clip in clips if clip.cluster == cluster]
        labels = Counter(label for clip in own for label in clip.labels)
        names = ", ".join(label for label, _ in labels.most_common(_MOST_LABELS))
        videos = quantity(len({clip.video for clip in own}), "video")
        length = f"{sum(clip.end - clip.start for clip in own):,.0f} s"
        rows.append((f"cluster {cluster}", f"{quantity(len(own), 'clip')} of {videos}, {length}  {names}"))
    return rows


def _cut(result: Any) -> list[str]:
    if not result.cuts:
        return []
    early, late = ([getattr(cut, name) for cut in result.cuts] for name in ("early", "late"))
    place = os.path.join(result.directory, "cut")
    return [
        f"{place}: {quantity(len(result.cuts), 'file')}, not encoded again. They begin at a key frame, "
        f"{statistics.median(early):.2f} s before the clip (median; {max(early):.2f} s at most), and end "
        f"{max(0.0, *late, 0.0):.2f} s after it at most"
    ]
