"""Finds shots in the pixels of a video, by PySceneDetect."""

import logging
import os
from typing import Any

from yt8m.errors import InputError, not_installed
from yt8m.video.containers import opened, picture_stream

LEAST_SECONDS = 0.5
"""A shot lasts at least as long: shorter changes are flashes."""


def find_shots_in_pixels(path: str | os.PathLike) -> list[float]:
    """Finds when each shot begins, in seconds from the video's own start, from 0.0 on.

    `ContentDetector` compares the hue, saturation and brightness of neighbouring frames. It finds cuts and fades, and some
    dissolves and wipes. docs/clips.md has its scores.

    Raises:
        InputError: the video cannot be read, or PySceneDetect is missing.
    """
    scenedetect = require_scenedetect()
    with opened(path) as container:  # errors in our words, before the library opens it
        picture_stream(container, path)
    logging.getLogger("pyscenedetect").setLevel(logging.ERROR)
    try:
        video = scenedetect.open_video(os.fspath(path), backend="pyav", suppress_output=True)
        manager = scenedetect.SceneManager()
        manager.add_detector(scenedetect.ContentDetector(min_scene_len=f"{LEAST_SECONDS}s"))
        manager.detect_scenes(video)
        found = [start.seconds for start, _ in manager.get_scene_list()]
    except (scenedetect.VideoOpenFailure, OSError, ValueError) as error:
        raise InputError(f"{os.fspath(path)}: its pixels cannot be read ({error})") from error
    return [0.0, *found[1:]]  # it counts from the first frame, too


def require_scenedetect() -> Any:
    """PySceneDetect. Raises InputError if it is missing."""
    try:
        import scenedetect
    except ImportError as error:
        raise not_installed("finding cuts in pixels", "PySceneDetect", "scenes", error) from None
    return scenedetect
