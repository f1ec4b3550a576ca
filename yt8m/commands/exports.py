"""The commands that move a run elsewhere: `export` and `unpack`."""

import dataclasses
from typing import Annotated

import tyro

from yt8m.commands import reports
from yt8m.commands.flags import PATHS, File, Json, Run, given_paths, print_json, shown
from yt8m.commands.places import require_run
from yt8m.commands.streams import show
from yt8m.errors import OK
from yt8m.exporting.archives import DEFAULT_MAX_GIGABYTES, Format, Gigabytes, NumFrames
from yt8m.values import PositiveInt

Float16 = Annotated[bool, tyro.conf.FlagCreatePairsOff, tyro.conf.arg(help_behavior_hint=lambda default: "")]


def export(
    run: Run,
    format: Format,
    out: Annotated[str, shown("PATH")],
    float16: Float16 = False,
    data: Annotated[tuple[str, ...] | None, shown(PATHS, "(default: the run's validation split)")] = None,
    top_k: Annotated[PositiveInt | None, shown("INT", "(default: 20)")] = None,
    num_frames: Annotated[NumFrames | None, shown("INT", "(default: as many as in prediction)")] = None,
    max_gigabytes: Annotated[Gigabytes | None, shown("FLOAT", "(default: 1, Kaggle's rule of 2018)")] = None,
    license: Annotated[str, shown("ID", "(default: not stated)")] = "",
    json: Json = False,
) -> int:
    """Write a run's best model for other programs, or as an archive, with a model card.

    Example: yt8m export --run runs/sample --format saved-model --out exports/sample

    Args:
        run: The run directory, made by yt8m train.
        format: saved-model, for TensorFlow Serving and MediaPipe; keras; litert; onnx; or archive, for yt8m unpack.
        out: A new directory for saved-model. Otherwise a file; an existing one is replaced.
        float16: Store the weights as float16, in half the bytes, and measure how that changes the scores.
        data: Labelled records to measure that change on: files, directories or globs.
        top_k: Number of classes that a SavedModel returns for a record, the most probable ones.
        num_frames: Number of frames that the model reads from those given; 5 for segments. For saved-model, litert and onnx.
        max_gigabytes: Largest archive to write, uncompressed; 0 = no limit.
        license: The license of the weights, for the model card, by Hugging Face's identifier, such as cc-by-4.0.
        json: Print one JSON object.
    """
    from yt8m.commands.watching import WorkProgress

    require_run(run, given_paths(data), has_data=float16)
    from yt8m.exporting.exporting import export as run_export

    result = run_export(
        run,
        out,
        format,
        float16=float16,
        data=given_paths(data),
        top_k=top_k,
        num_frames=num_frames,
        max_gigabytes=max_gigabytes,
        license=license,
        progress=WorkProgress(),
    )
    if json:
        print_json(dataclasses.asdict(result))
    else:
        show(reports.exported(result))
    return OK


def unpack(
    archive: File,
    out: Annotated[str, shown("DIR")],
    max_gigabytes: Gigabytes = DEFAULT_MAX_GIGABYTES,
    json: Json = False,
) -> int:
    """Make a run from an exported archive or Keras file, without running any code in it.

    Example: yt8m unpack model.tgz --out runs/model

    Args:
        archive: A file of yt8m export --format archive or keras.
        out: The new run directory.
        max_gigabytes: Largest model to unpack, uncompressed; 0 = no limit.
        json: Print one JSON object.
    """
    from yt8m.exporting.archives import unpack as run_unpacking

    unpacked = run_unpacking(archive, out, max_gigabytes)
    if json:
        print_json(dataclasses.asdict(unpacked))
    else:
        show(f"{unpacked.run}: {unpacked.model}; yt8m evaluate --run {unpacked.run} --data PATH")
    return OK
