"""Reads video files by PyAV, draws pictures of them, and makes videos for samples and tests."""

from yt8m.video.pieces import Frame, Sound, VideoInfo
from yt8m.video.reading import Video, open_video
from yt8m.video.sound import SAMPLE_RATE

__all__ = ["SAMPLE_RATE", "Frame", "Sound", "Video", "VideoInfo", "open_video"]
