"""Writes, reads, checks and scores submissions for both tasks. Importing this loads no TensorFlow."""

from yt8m.data.tables.vocabulary import read_segment_class_ids
from yt8m.submission.files import LineError, Task, detect_task
from yt8m.submission.measuring import (
    measure_segment_submission,
    measure_video_submission,
    score_segment_submission,
    score_video_submission,
)
from yt8m.submission.reading import SegmentRow, VideoRow, read_segment_submission, read_video_submission
from yt8m.submission.segments import SegmentRanking
from yt8m.submission.validation import Validation, validate
from yt8m.submission.video import VideoSubmissionWriter

__all__ = [
    "LineError",
    "SegmentRanking",
    "SegmentRow",
    "Task",
    "Validation",
    "VideoRow",
    "VideoSubmissionWriter",
    "detect_task",
    "measure_segment_submission",
    "measure_video_submission",
    "read_segment_class_ids",
    "read_segment_submission",
    "read_video_submission",
    "score_segment_submission",
    "score_video_submission",
    "validate",
]
