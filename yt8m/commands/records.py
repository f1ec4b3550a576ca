"""The commands for records: `synth`, `inspect`, `show`, `split` and `convert`."""

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any, Literal

import tyro

from yt8m.cluster.options import LOCAL, BeamOptions, Engine, chosen_beam
from yt8m.commands import reports
from yt8m.commands.flags import PATHS, Json, OptionalText, Vocabulary, given_paths, print_json, shown
from yt8m.commands.streams import show
from yt8m.data.features import KNOWN
from yt8m.errors import OK, USER_ERROR, InputError
from yt8m.values import NonNegativeInt, PositiveInt, Seed

_OF_RECORDS = {"num_classes": 60, "num_shards": 8, "features": tuple(KNOWN)}
"""Defaults of the flags that are of no use for video files."""


def synth(
    directory: Annotated[str, tyro.conf.Positional, shown("DIR")],
    form: Annotated[Literal["records", "videos", "films"], tyro.conf.arg(name="as")] = "records",
    num_videos: Annotated[PositiveInt | None, shown("INT", "(default: 2000 in records, 60 videos or 10 films)")] = None,
    num_classes: PositiveInt = _OF_RECORDS["num_classes"],
    num_shards: PositiveInt = _OF_RECORDS["num_shards"],
    seed: NonNegativeInt = 0,
    features: Annotated[tuple[str, ...], shown("NAME|NAME:SIZE[:TYPE] ...")] = _OF_RECORDS["features"],
    seconds: Annotated[PositiveInt | None, shown("INT", "(default: 10)")] = None,
    json: Json = False,
) -> int:
    """Make a sample data set in the official layout, or video files to extract features from.

    Example: yt8m synth data/sample --num-videos 500

    Example: yt8m synth data/videos --as videos

    Args:
        directory: The directory to write. It is created if missing, and must be empty if not.
        form: records: a sample data set.
            videos: short video files with sound in 6 classes, labels.csv and vocabulary.csv.
            films: video files of several scenes, with scenes.csv too, which says where each begins.
        num_videos: Number of videos; with records, in the train split: validate and test get a fifth of that each.
        num_classes: Number of classes in the vocabulary; with records.
        num_shards: Number of files in each split; with records.
        seed: The same seed makes the same bytes.
        features: The features to write, as --data.features of training takes them; with records.
        seconds: Seconds of each video; with videos.
        json: Print one JSON object.
    """
    from yt8m.commands.watching import WorkProgress

    progress = WorkProgress()
    of_records = {"num_classes": num_classes, "num_shards": num_shards, "features": features}
    useless = [] if form == "records" else [name for name in of_records if of_records[name] != _OF_RECORDS[name]]
    if seconds is not None and form != "videos":
        useless.append("seconds")
    if useless:
        raise InputError(f"--{useless[0].replace('_', '-')} is of no use with --as {form}; leave it out")
    if form == "records":
        from yt8m.data.tools.synthetic import DEFAULT_NUM_VIDEOS, synthesise

        summary = synthesise(
            directory, num_videos or DEFAULT_NUM_VIDEOS, num_classes, num_shards, seed, progress, features
        )
        if json:
            print_json({"directory": directory, **summary})
        else:
            show(reports.synthesised(directory, summary))
        return OK
    from yt8m.video import making

    if form == "videos":
        number, length = num_videos or making.DEFAULT_NUM_VIDEOS, seconds or making.DEFAULT_SECONDS
        made = making.make_videos(directory, number, length, seed, progress)
    else:
        made = making.make_scenes(directory, num_videos or making.DEFAULT_NUM_FILMS, seed=seed, progress=progress)
    if json:
        print_json(reports.made_values(directory, made))
    else:
        show(reports.made(directory, made))
    return OK


def inspect(
    paths: Annotated[tuple[str, ...], tyro.conf.Positional, shown(PATHS, "(required)")],
    plots: Annotated[str | None, shown("DIR", "(default: no pictures)")] = None,
    vocabulary: Vocabulary = None,
    engine: Engine = "local",
    beam: BeamOptions = LOCAL,
    json: Json = False,
) -> int:
    """Show what record files hold, and which records cannot be used or occur twice.

    Example: yt8m inspect data/sample/2/frame/train --plots pictures

    The exit status is 2 if a record cannot be used. The first 20 reasons are listed; --json has all.

    Args:
        paths: Files, directories or globs. Or the root of a data set: every directory with records below it is shown.
        plots: A directory for pictures: frames and labels of videos, class frequency, co-occurrence, feature ranges, decoys.
        vocabulary: A vocabulary.csv with the names of the classes, for the pictures.
        engine: local: this process. beam: Apache Beam, on a cluster if --beam.runner names one; without pictures.
        json: Print one JSON object.
    """
    from yt8m.data.sources import expand_paths, find_directories
    from yt8m.data.tools import inspection

    inspect_files = _inspection_by(chosen_beam(engine, beam))
    if plots is not None and engine == "beam":
        raise InputError("--plots draws what one process has read; leave out --engine beam, or name fewer files")
    if plots is None and vocabulary is not None:
        raise InputError("--vocabulary only names the classes of pictures; give --plots DIR too")
    directories = find_directories(paths[0]) if len(paths) == 1 else []
    if len(directories) > 1:
        if plots is not None:
            raise InputError(
                f"{paths[0]}: pictures are of one directory of records; give one, such as {directories[0]}"
            )
        return _inspect_all(directories, inspect_files, json)
    files = expand_paths(directories or paths)
    if plots is None:
        report, drawn = inspect_files(files), ""
    else:
        from yt8m.views.plots import Plots

        pictures = Plots(plots, files, vocabulary)
        report = inspection.inspect(files, pictures.statistics.add)
        drawn = f"\n{reports.plotted(*pictures.draw())}"
    if json:
        print_json(report)
    else:
        show(f"{reports.inspected(report)}{drawn}")
    return USER_ERROR if report["corrupt_files"] else OK


def _inspection_by(how: BeamOptions | None) -> Callable[[list[str]], dict[str, Any]]:
    """What inspects files: Apache Beam, or, with None, this process."""
    if how is None:
        from yt8m.data.tools import inspection

        return inspection.inspect
    from yt8m.cluster.inspect import inspect_on_beam
    from yt8m.commands.watching import WorkProgress

    progress = WorkProgress()
    return lambda files: inspect_on_beam(files, how, progress)


def _inspect_all(directories: list[str], inspect_files: Callable[[list[str]], dict[str, Any]], json: bool) -> int:
    """Inspects the records of each directory apart: levels and splits of a data set are different records."""
    from yt8m.data.sources import expand_paths

    found = {place: inspect_files(expand_paths([place])) for place in directories}
    if json:
        print_json({"directories": found})
    else:
        show("\n\n".join(f"{place}\n{reports.inspected(report)}" for place, report in found.items()))
    return USER_ERROR if any(report["corrupt_files"] for report in found.values()) else OK


def split(
    paths: Annotated[tuple[str, ...], tyro.conf.Positional, shown(PATHS, "(required)")],
    parts: Annotated[str, shown("NAME=SHARE,...")],
    out: Annotated[str, shown("PATH")],
    form: Annotated[Literal["shards", "index"], tyro.conf.arg(name="as")] = "shards",
    seed: Seed = 0,
    engine: Engine = "local",
    beam: BeamOptions = LOCAL,
    json: Json = False,
) -> int:
    """Split videos into parts, such as training and validation, with all classes in each.

    Example: yt8m split data/sample/2/frame/train --parts train=.9,validate=.1 --out data/mine

    The split is stratified by label, rare classes included. All records of a video stay together.

    Args:
        paths: Files, directories or globs.
        parts: The parts with their shares, which sum to 1.
        out: A directory to write a directory for each part to, for --data.root; or the CSV file of an index.
        form: shards: copy the records to new files.
            index: write a CSV with the columns id and part, for --data.fold.
        seed: The same seed makes the same parts.
        engine: local: this process. beam: Apache Beam, on a cluster if --beam.runner names one.
        json: Print one JSON object.
    """
    from yt8m.commands.watching import WorkProgress
    from yt8m.data.tools.splitting import parse_parts
    from yt8m.data.tools.splitting import split as run_split

    shares = parse_parts(parts)
    how, by = chosen_beam(engine, beam), None
    if how is not None:
        from yt8m.cluster.split import BeamSplitting

        by = BeamSplitting(how)
    result = run_split(paths, shares, out, form, seed, WorkProgress(), by)
    if json:
        print_json(dataclasses.asdict(result))
    else:
        show(reports.split(result))
    return OK


def show_video(
    video_id: Annotated[str, tyro.conf.Positional, shown("ID")],
    data: Annotated[tuple[str, ...], shown(PATHS)],
    out: Annotated[str, shown("PATH")],
    run: Annotated[str | None, shown("DIR", "(default: no predictions)")] = None,
    window: PositiveInt = 10,
    stride: PositiveInt = 5,
    vocabulary: Vocabulary = None,
    video: Annotated[
        OptionalText, shown("FILE", "(default: the one that videos.csv at the root of the data set names, if any)")
    ] = None,
    json: Json = False,
) -> int:
    """Draw the labels, ratings and predictions of one video over time, with the names of the classes.

    Example: yt8m show INu4 --data data/sample/3/frame/validate --run runs/sample --out video.png

    Args:
        video_id: The id in the records. Put an id that begins with a dash last, after --.
        data: Files, directories or globs, of any level. If several records have the id, the most detailed one is shown.
        out: The PNG file to write.
        run: A run directory. Its best model scores the video.
        window: Seconds to score at a time. A model of segments with context scores segments instead.
        stride: Seconds from the start of one window to the next.
        vocabulary: A vocabulary.csv with the names of the classes.
        video: The video file, for thumbnails over time.
        json: Print one JSON object.
    """
    from yt8m.commands.watching import WorkProgress
    from yt8m.data.sources import expand_paths
    from yt8m.views.picture import check_picture, draw_video
    from yt8m.views.thumbnails import check_thumbnails, with_thumbnails
    from yt8m.views.video import view_video

    paths, progress = given_paths(data), WorkProgress()
    check_picture(out, [] if run is None else [run], [*expand_paths(paths), *([] if video is None else [video])])
    if video is not None:
        check_thumbnails(video)
    options = {"window": window, "stride": stride, "vocabulary": vocabulary}
    view = view_video(video_id, paths, run, **options, progress=progress)
    view = with_thumbnails(view, video, progress)
    draw_video(view, out)
    if json:
        print_json(reports.viewed_values(view))
    else:
        show(f"{reports.viewed(view)}\n{out}: drawn")
    return OK


def convert(
    paths: Annotated[tuple[str, ...], tyro.conf.Positional, shown(PATHS, "(required)")],
    out: Annotated[str, shown("DIR")],
    to: Annotated[
        Literal["video", "tfrecord", "parquet", "npz"] | None,
        shown("{video,tfrecord,parquet,npz}", "(required, but for arrays: tfrecord)"),
    ] = None,
    labels: Annotated[str | None, shown("PATH", "(default: those in the files)")] = None,
    features: Annotated[tuple[str, ...], shown("NAME|NAME:SIZE[:TYPE] ...", "(default: all that are found)")] = (),
    quantise: Annotated[
        bool, tyro.conf.FlagCreatePairsOff, tyro.conf.arg(help_behavior_hint=lambda default: "")
    ] = False,
    dequantise: Annotated[
        bool, tyro.conf.FlagCreatePairsOff, tyro.conf.arg(help_behavior_hint=lambda default: "")
    ] = False,
    std: Annotated[bool, tyro.conf.FlagCreatePairsOff, tyro.conf.arg(help_behavior_hint=lambda default: "")] = False,
    num_shards: Annotated[PositiveInt | None, shown("INT", "(default: as many files as there are)")] = None,
    records_per_shard: Annotated[PositiveInt | None, shown("INT", "(default: those of each file)")] = None,
    keys: Annotated[Literal["2018"] | None, shown("{2018}", "(default: as they are)")] = None,
    engine: Engine = "local",
    beam: BeamOptions = LOCAL,
    json: Json = False,
) -> int:
    """Convert records to video level, to other file sizes, or to Parquet or NumPy's arrays; make records of arrays.

    Example: yt8m convert data/sample/2/frame/train --to video --out data/means/train

    Example: yt8m convert features --labels labels.csv --quantise --out data/mine/train

    If it is stopped or killed, the same command makes the missing files. DIR appears when all files are complete.

    Args:
        paths: Files, directories or globs: TFRecord files; Parquet files; or arrays, a file a video: VIDEO.npz, or VIDEO.npy in
            a directory that has the name of the feature.
        out: A new or empty directory.
        to: video: records at video level, with the means of the frames.
            tfrecord or parquet: the same records in that format.
            npz: a directory for each file, with an .npz file for each video.
        labels: A CSV file with the columns id and labels, for arrays and tables. Labels are class ids with spaces between.
        features: The features to convert, as --data.features of training takes them: clip:512:float16, say.
        quantise: Store floats as bytes, levels of the feature's range: -2 to 2, or as in clip:512:uint8:-1:1.
        dequantise: With npz: write the floats that bytes stand for. Otherwise bytes stay bytes.
        std: Write the standard deviations beside the means, as std_rgb and std_audio. Training does not read them.
        num_shards: Merge or split files: write this number of files. The records keep their order. Arrays give files of 1000.
        records_per_shard: Merge or split files: write this number of records to each file.
        keys: Rename the id of records of 2017 from video_id to id.
        engine: local: this machine's threads. beam: Apache Beam, on a cluster if --beam.runner names one.
        json: Print one JSON object.
    """
    from yt8m.commands.watching import WorkProgress
    from yt8m.conversion import convert as run_conversion

    options = {"std": std, "num_shards": num_shards, "records_per_shard": records_per_shard, "keys": keys}
    options |= {"labels": labels, "features": features, "quantise": quantise, "dequantise": dequantise}
    how = chosen_beam(engine, beam)
    if how is not None:
        from yt8m.cluster.convert import BeamConversion

        options["engine"] = BeamConversion(how)
    try:
        made = run_conversion(paths, out, to=to, **options, progress=WorkProgress())
    except KeyboardInterrupt:
        raise InputError("stopped; the same command goes on where it stood") from None
    if json:
        print_json(dataclasses.asdict(made))
    else:
        show(reports.converted(made))
    return OK
