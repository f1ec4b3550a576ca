"""Describes one video, for `yt8m show`."""

from typing import Any

from yt8m.errors import quantity


def viewed(view: Any) -> str:
    """Describes a `yt8m.views.video.VideoView`: the classes with their scores, and the ratings."""
    frames = "" if view.level == "video" else f", {quantity(view.num_frames, 'frame')}"
    lines = [
        f"{view.video_id}: {view.path}, record {view.record}; {view.level} level{frames}, "
        f"{' and '.join(view.features) or 'no features'}"
    ]
    lines += [f"{view.video_id}: also {path}, record {record}" for path, record in view.also]
    if view.labels is None:
        lines.append("no labels")
    classes = [f"{class_id} {view.name(class_id)}" for class_id in view.classes()]
    width = max(map(len, classes), default=0)
    for class_id, text in zip(view.classes(), classes, strict=True):
        mark = "label" if class_id in (view.labels or ()) else ""
        lines.append(f"{text:<{width}}  {mark:<5}  {_scores_of(view, class_id)}".rstrip())
    for rating in view.ratings:
        found = "present" if rating.present else "absent"
        lines.append(f"{rating.start:>4} s  {found:<7}  {rating.class_id} {view.name(rating.class_id)}")
    return "\n".join(lines)


def viewed_values(view: Any) -> dict[str, Any]:
    """Returns a `yt8m.views.video.VideoView` as JSON values."""
    scores = view.scores
    classes = []
    for class_id in view.classes():
        row = {"class": class_id, "name": view.name(class_id), "label": class_id in (view.labels or ())}
        if scores is not None and class_id < len(scores.ranking):
            row["score"] = None if scores.video is None else float(scores.video[class_id])
            row["windows"] = scores.windows[:, class_id].tolist()
        classes.append(row)
    return {
        "id": view.video_id,
        "path": view.path,
        "record": view.record,
        "level": view.level,
        "num_frames": view.num_frames,
        "features": list(view.features),
        "labels": None if view.labels is None else list(view.labels),
        "ratings": [{"start": each.start, "class": each.class_id, "score": each.score} for each in view.ratings],
        "also": [{"path": path, "record": record} for path, record in view.also],
        "window": None if scores is None else scores.window,
        "starts": None if scores is None else scores.starts.tolist(),
        "classes": classes,
    }


def _scores_of(view: Any, class_id: int) -> str:
    """Writes the score of the whole video and the highest score of a window."""
    scores = view.scores
    if scores is None or class_id >= len(scores.ranking):
        return ""
    parts = [] if scores.video is None else [f"{scores.video[class_id]:.4f}"]
    if len(scores.starts):
        best = int(scores.windows[:, class_id].argmax())
        start = int(scores.starts[best])
        end = min(start + scores.window, view.num_frames)
        parts.append(f"at most {scores.windows[best, class_id]:.4f}, from {start} to {end} s")
    return "  ".join(parts)
