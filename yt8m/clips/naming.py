"""Names what clips show, by a run."""

import os
from collections.abc import Sequence

from yt8m.clips.dividing import Shot
from yt8m.clips.footage import Footage
from yt8m.data.tables.vocabulary import find_vocabulary, read_class_names
from yt8m.labelling.labelling import Item, Labeller
from yt8m.labelling.options import LabelOptions
from yt8m.labelling.windows import Content, WindowScorer

_MOST_CLIPS = 32
"""Clips that are scored at a time."""


class ClipNamer:
    """Gives clips the labels that a run gives their frames alone.

    Args:
        run: the run directory.
        vocabulary: a `vocabulary.csv`; None = the one at the root of the data set.
        path: a file of the data set.

    Raises:
        InputError: the run does not exist or has no weights, or the vocabulary cannot be read.
    """

    def __init__(self, run: str | os.PathLike, vocabulary: str | os.PathLike | None, path: str):
        options = LabelOptions()
        self._scorer = WindowScorer(run, options.window, options.step)
        vocabulary = vocabulary or find_vocabulary(path)
        self._labeller = Labeller(self._scorer, read_class_names(vocabulary) if vocabulary else {}, options)

    def labels(self, footage: Footage, shots: Sequence[Shot]) -> tuple[list[tuple[str, ...]], str | None]:
        """The labels of each shot, the most probable first; and why the run cannot score the video, None if it can."""
        length = footage.num_frames
        streams = {name: frames[:length] for name, frames in footage.streams.items()}
        problem = self._scorer.why_not(Content(streams))
        if problem:
            return [()] * len(shots), f"{footage.place}: {problem}"
        items = [
            Item(footage.row.id, "", footage.place, Content({name: each[shot.rows] for name, each in streams.items()}))
            for shot in shots
        ]
        groups = [items[first : first + _MOST_CLIPS] for first in range(0, len(items), _MOST_CLIPS)]
        found = [video for group in groups for video in self._labeller.labelled(group)]
        return [tuple(label.name for label in video.labels) for video in found], None
