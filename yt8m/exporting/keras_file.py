"""A model in Keras's own format, with the configuration of its run, so that `yt8m.exporting.archives.unpack` needs no more."""

import io
import json
import os
import zipfile
from pathlib import Path

import keras

from yt8m import config as configuration
from yt8m.config import RunConfig
from yt8m.errors import InputError
from yt8m.exporting.archives import KERAS_METADATA, KERAS_WEIGHTS, RUN_KEY, without_places
from yt8m.exporting.half_precision import halved_file
from yt8m.files import NewFile

ENDING = ".keras"


def check_ending(out: str | os.PathLike) -> None:
    """Raises InputError unless the name of a file ends as Keras wants it."""
    if not os.fspath(out).endswith(ENDING):
        raise InputError(f"{os.fspath(out)}: Keras loads no file of this name; let it end in {ENDING}")


def write_keras_file(model: keras.Model, config: RunConfig, out: str | os.PathLike, half: bool) -> None:
    """Writes a model from features to logits, as the run has it, for `keras.models.load_model`.

    Args:
        model: of the run.
        config: the run's.
        out: ends in `.keras`.
        half: keep the weights as float16; Keras makes float32 of them as it loads them.

    Raises:
        InputError: the name ends otherwise, or the file cannot be written.
    """
    check_ending(out)
    with NewFile(out) as file:
        try:
            model.save(file.temporary)
            _rewrite(file.temporary, config, half)
        except OSError as error:
            raise file.unwritable(error) from error


def _rewrite(path: Path, config: RunConfig, half: bool) -> None:
    """Adds the configuration to the metadata of a file, and halves its weights."""
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    run = configuration.to_dict(without_places(config))
    members[KERAS_METADATA] = json.dumps(json.loads(members[KERAS_METADATA]) | {RUN_KEY: run}).encode()
    if half:
        members[KERAS_WEIGHTS] = halved_file(io.BytesIO(members[KERAS_WEIGHTS]))
    with zipfile.ZipFile(path, "w") as file:  # uncompressed, as Keras writes it
        for name, content in members.items():
            file.writestr(name, content)
