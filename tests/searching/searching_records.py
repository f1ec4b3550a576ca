"""Small records for indexes."""

import numpy as np

from yt8m.data.records import frame_level_record, framed, video_level_record

VOCABULARY = """Index,Name,WikiDescription
0,Concert,"A live music performance, in front of an audience"
1,Guitar,A fretted instrument with six strings
2,Electric guitar,
3,Racing,Cars and motorcycles that race
4,Bus,
5,Café,A small restaurant
6,,
7,Dishes,
"""


def video_record(video_id, values, labels=None) -> bytes:
    """A video-level record of rgb alone, with 1024 values of which the first are given."""
    mean = np.zeros(1024, np.float32)
    mean[: len(values)] = values
    return framed(video_level_record(video_id, labels, {"rgb": mean}))


def frame_record(video_id, seconds, labels=None) -> bytes:
    """A frame-level record with rgb and audio: a random look for each letter in `seconds`, one letter a second."""
    looks = {letter: np.random.default_rng(ord(letter)).integers(0, 256, 1152, np.uint8) for letter in {*seconds}}
    rows = np.stack([looks[letter] for letter in seconds])
    return framed(frame_level_record(video_id, labels, {"rgb": rows[:, :1024], "audio": rows[:, 1024:]}))
