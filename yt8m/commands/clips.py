"""The command that divides videos into clips: `clips`."""

from typing import Annotated

import tyro

from yt8m.clips.options import ClipOptions
from yt8m.commands import reports
from yt8m.commands.flags import PATHS, Json, OptionalText, Vocabulary, print_json, shown
from yt8m.commands.networks import load_chosen, network_choice
from yt8m.commands.streams import show
from yt8m.errors import OK, USER_ERROR

_DEFAULT_OPTIONS = ClipOptions()


def clips(
    paths: Annotated[tuple[str, ...], tyro.conf.Positional, shown(PATHS, "(required)")],
    out: Annotated[str, shown("DIR")],
    how: Annotated[ClipOptions, tyro.conf.OmitArgPrefixes] = _DEFAULT_OPTIONS,
    run: Annotated[OptionalText, shown("DIR", "(default: the labels of the records)")] = None,
    network: Annotated[OptionalText, shown("NAME", "(default: that of yt8m extract; with --folder: yt8m)")] = None,
    folder: Annotated[OptionalText, shown("DIR", "(default: no published networks)")] = None,
    weights: Annotated[OptionalText, shown("PATH", "(default: the network's own)")] = None,
    pca: Annotated[OptionalText, shown("PATH", "(default: values as the network gives them)")] = None,
    vocabulary: Vocabulary = None,
    json: Json = False,
) -> int:
    """Divide videos into shots and scenes, group shots that are alike, and write them for editors.

    Example: yt8m clips data/sample/2/frame/test --out clips

    DIR gets clips.csv, a row a clip, and timelines. The exit status is 2 if something could not be done. The rest is.

    Args:
        paths: Frame-level records, of which videos.csv beside them names the video files, or video files: files, directories or
            globs.
        out: A new or empty directory.
        how: How to make clips.
        run: A run directory. Its best model names what each clip shows.
        network: What gives the features of video files, as in yt8m extract.
        folder: The folder of the published networks.
        weights: A file of weights, for --network keras:NAME.
        pca: A file of --fit-pca.
        vocabulary: A vocabulary.csv with the names of the classes.
        json: Print one JSON object.
    """
    import dataclasses

    from yt8m.clips.clipping import check_places, make_clips
    from yt8m.commands.watching import WorkProgress
    from yt8m.extracting.inputs import refuse_inside
    from yt8m.labelling.inputs import sort_inputs

    records, videos = sort_inputs(paths)
    if videos:
        refuse_inside(out, paths)
    check_places(out, how, run, vocabulary)
    loaded = load_chosen(network_choice(network, folder, weights, pca)) if videos else None
    options = {field.name: getattr(how, field.name) for field in dataclasses.fields(how)}
    result = make_clips(out, records, videos, loaded, run, vocabulary, WorkProgress(), **options)
    if json:
        print_json(reports.clips_values(result))
    else:
        show(reports.clips_found(result))
    return USER_ERROR if result.problems else OK
