"""The command for video files: `extract`."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from yt8m.cluster.options import LOCAL, BeamOptions, Engine, chosen_beam
from yt8m.commands import reports
from yt8m.commands.flags import Json, OptionalText, print_json, shown
from yt8m.commands.networks import load_chosen, network_choice
from yt8m.commands.streams import show
from yt8m.errors import OK, USER_ERROR, InputError
from yt8m.values import PositiveInt

if TYPE_CHECKING:
    from yt8m.data.extraction import NetworkChoice


def extract(
    paths: Annotated[tuple[str, ...], tyro.conf.Positional, shown("VIDEO [VIDEO ...]", "(required)")],
    out: Annotated[OptionalText, shown("DIR", "(required, but for --fit-pca)")] = None,
    network: Annotated[OptionalText, shown("NAME", "(default: efficientnet-lite0; with --folder: yt8m)")] = None,
    folder: Annotated[OptionalText, shown("DIR", "(default: no published networks)")] = None,
    weights: Annotated[OptionalText, shown("PATH", "(default: the network's own)")] = None,
    pca: Annotated[OptionalText, shown("PATH", "(default: values as the network gives them)")] = None,
    fit_pca: Annotated[OptionalText, shown("PATH", "(default: records are made)")] = None,
    pca_values: PositiveInt = 1024,
    labels: Annotated[OptionalText, shown("PATH", "(default: no labels)")] = None,
    vocabulary: Annotated[
        OptionalText, shown("PATH", "(default: the one in DIR or beside the labels, if there is one)")
    ] = None,
    ids: Literal["name", "short"] = "name",
    level: Literal["frame", "video"] = "frame",
    jobs: Annotated[PositiveInt | None, shown("INT", "(default: one for each core)")] = None,
    records_per_shard: PositiveInt = 100,
    max_frames: Annotated[PositiveInt | None, shown("INT", "(default: all)")] = None,
    rounding: Literal["truncate", "nearest"] = "truncate",
    on_corrupt: Literal["keep", "refuse"] = "keep",
    engine: Engine = "local",
    beam: BeamOptions = LOCAL,
    json: Json = False,
) -> int:
    """Make records of video files: a row of features for each second of picture and sound.

    Example: yt8m extract videos --out data/mine --labels labels.csv

    Example: yt8m extract videos --fit-pca pca.npz

    If it is stopped or killed, the same command goes on after the videos that were done. Videos can be added later: those that
    are there and have not changed are not read again. A video that cannot be read does not end the others: videos.csv in DIR
    says why, and the exit status is 2.

    Args:
        paths: Video files, globs, or directories, with all below them.
        out: A new or empty directory, or that of an earlier extraction.
        network: What turns frames into features: yt8m, efficientnet-lite0, keras:NAME (keras:EfficientNetV2B0, say) or
            MODULE:FUNCTION, a function of your own from uint8 [B, H, W, 3] to float [B, D].
        folder: The folder of the published networks, which yt8m download extractor fills.
        weights: A file of weights, for keras:NAME.
        pca: A file of --fit-pca: its projection of the network's values is stored.
        fit_pca: Fit a PCA with whitening to the frames of the videos and write it to this file, for --pca; make no records.
        pca_values: Number of values that --fit-pca keeps. It needs two frames for each.
        labels: A CSV file with the columns path and labels. Labels are class ids with spaces between, or names with semicolons.
        vocabulary: A vocabulary.csv with the names and numbers of the classes. Without one, names become classes in alphabetical
            order, which DIR/vocabulary.csv lists.
        ids: name: a video's id is the name of its file, made safe.
            short: four characters, as YouTube-8M has them: _ and three letters and digits.
        level: frame: records with a row for each second.
            video: records with the means of the rows.
        jobs: Number of videos to read at a time.
        records_per_shard: Number of records in each file.
        max_frames: Read at most this many seconds of a video, from its start.
        rounding: How values become bytes. truncate: as in YouTube-8M's records.
            nearest: as the starter code's extractor does.
        on_corrupt: What to do with a video that is cut off or has broken parts. keep: make a record of what can be read.
            refuse: make none.
        engine: local: this machine's threads. beam: Apache Beam, on a cluster if --beam.runner names one.
        json: Print one JSON object.
    """
    if (out is None) == (fit_pca is None):
        raise InputError(
            "give --out DIR for records of the videos, or --fit-pca FILE for a PCA of them: one of the two"
        )
    choice, how = network_choice(network, folder, weights, pca), chosen_beam(engine, beam)
    if fit_pca is not None:
        if how is not None:
            raise InputError("--fit-pca is fitted in one process; leave out --engine beam")
        return _fit_pca(
            paths, choice, fit_pca, {"num_values": pca_values, "jobs": jobs, "max_frames": max_frames}, json
        )
    assert out is not None
    options = {"labels": labels, "vocabulary": vocabulary, "naming": ids, "level": level, "jobs": jobs}
    options |= {"records_per_shard": records_per_shard, "max_frames": max_frames, "rounding": rounding}
    return _make_records(paths, choice, out, options | {"on_corrupt": on_corrupt}, how, json)


def _make_records(
    paths: tuple[str, ...],
    choice: "NetworkChoice",
    out: str,
    options: dict[str, Any],
    how: BeamOptions | None,
    json: bool,
) -> int:
    from yt8m.commands.watching import WorkProgress
    from yt8m.extracting.extraction import check_places
    from yt8m.extracting.extraction import extract as run_extraction

    check_places(paths, out, options["labels"], options["vocabulary"])
    network, progress = load_chosen(choice), WorkProgress()
    if how is not None:
        from yt8m.cluster.extract import BeamExtraction

        options["engine"] = BeamExtraction(how, choice, progress)
    try:
        result = run_extraction(paths, out, network, choice=choice, progress=progress, **options)
    except KeyboardInterrupt:
        raise InputError("stopped; the same command goes on where it stood") from None
    return _show(result, reports.extracted(result), json)


def _fit_pca(paths: tuple[str, ...], choice: "NetworkChoice", out: str, options: dict[str, Any], json: bool) -> int:
    from yt8m.commands.watching import WorkProgress
    from yt8m.extracting.fitting import check_places, fit_pca

    check_places(paths, out)
    network = load_chosen(choice)
    try:
        result = fit_pca(paths, network, out, progress=WorkProgress(), **options)
    except KeyboardInterrupt:
        raise InputError("stopped; nothing was written") from None
    return _show(result, reports.pca_fitted(result), json)


def _show(result: Any, text: str, json: bool) -> int:
    """Prints a result. Returns the exit status: that of an error if a video failed."""
    import dataclasses

    if json:
        print_json(dataclasses.asdict(result))
    else:
        show(text)
    return USER_ERROR if result.num_failed else OK
