"""The command that labels videos: `label`."""

from typing import Annotated

import tyro

from yt8m.commands import reports
from yt8m.commands.flags import PATHS, Json, OptionalText, Run, Vocabulary, print_json, shown
from yt8m.commands.networks import network_choice
from yt8m.commands.places import require_records
from yt8m.commands.streams import show
from yt8m.errors import OK, USER_ERROR, InputError
from yt8m.labelling.options import LabelOptions
from yt8m.values import PositiveInt

_DEFAULT_OPTIONS = LabelOptions()


def label(
    paths: Annotated[tuple[str, ...], tyro.conf.Positional, shown(PATHS, "(required)")],
    run: Run,
    labels: Annotated[LabelOptions, tyro.conf.OmitArgPrefixes] = _DEFAULT_OPTIONS,
    csv: Annotated[OptionalText, shown("FILE.csv", "(default: no table)")] = None,
    chapters: Annotated[OptionalText, shown("DIR", "(default: no chapters)")] = None,
    vocabulary: Vocabulary = None,
    network: Annotated[OptionalText, shown("NAME", "(default: the one that made the run's training records)")] = None,
    folder: Annotated[OptionalText, shown("DIR", "(default: no published networks)")] = None,
    weights: Annotated[OptionalText, shown("PATH", "(default: the network's own)")] = None,
    pca: Annotated[OptionalText, shown("PATH", "(default: values as the network gives them)")] = None,
    jobs: Annotated[PositiveInt | None, shown("INT", "(default: one for each core)")] = None,
    json: Json = False,
) -> int:
    """Name what videos show, as a whole and over time, by a run's best model.

    Example: yt8m label data/sample/2/frame/test --run runs/sample --csv labels-over-time.csv

    Example: yt8m label film.mp4 --run runs/own --chapters chapters

    The exit status is 2 if a video could not be labelled. The others are.

    Args:
        paths: Videos or records: files, directories or globs.
        run: The run directory, made by yt8m train.
        labels: The labels to give.
        csv: A table of all labels to write: those of videos, then those of windows.
        chapters: A directory to write a WebVTT file of chapters for each video to: adjacent windows with the same best label.
        vocabulary: A vocabulary.csv with the names of the classes.
        network: For videos: what turns frames into features, as yt8m extract takes it.
        folder: The folder of the published networks.
        weights: A file of weights, for --network keras:NAME.
        pca: A file of --fit-pca, if the run's features were made with one.
        jobs: Number of videos to read at a time.
        json: Print one JSON object.
    """
    from yt8m.commands.watching import WorkProgress
    from yt8m.labelling.inputs import sort_inputs
    from yt8m.labelling.labelling import label as run_labelling
    from yt8m.labelling.output import Outputs

    outputs = Outputs(csv, chapters, run, paths)
    require_records(sort_inputs(paths).records)
    choice = None
    if network is not None or folder is not None:
        choice = network_choice(network, folder, weights, pca)
    elif weights is not None or pca is not None:
        raise InputError("--weights and --pca belong to --network; name it, too")
    result = run_labelling(paths, run, labels, vocabulary, choice, jobs, WorkProgress())
    outputs.write(result.videos)
    if json:
        print_json(reports.labelled_values(result))
    else:
        show(reports.labelled(result))
    return USER_ERROR if result.problems else OK
