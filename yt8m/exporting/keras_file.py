"""A model in Keras's own format, with the run's configuration for `yt8m.exporting.archives.unpack`."""

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
    """Raises InputError unless a file name has the ending that Keras needs."""
    if not os.fspath(out).endswith(ENDING):
        raise InputError(f"{os.fspath(out)}: Keras does not load a file of this name; let it end in {ENDING}")


def write_keras_file(model: keras.Model, config: RunConfig, out: str | os.PathLike, half: bool) -> None:
    """Writes the run's model, from features to logits, for `keras.models.load_model`.

    Args:
        model: the model of the run.
        config: the configuration of the run.
        out: ends in `.keras`.
        half: store the weights as float16. Keras converts them to float32 when it loads them.

    Raises:
        InputError: the name has another ending, or the file cannot be written.
    """
    check_ending(out)
    with NewFile(out) as file:
        try:
            model.save(file.temporary)
            _rewrite(file.temporary, config, half)
        except OSError as error:
            raise file.unwritable(error) from error


def _rewrite(path: Path, config: RunConfig, half: bool) -> None:
    """Adds the configuration to a file's metadata and, if asked, halves its weights."""
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    run = configuration.to_dict(without_places(config))
    members[KERAS_METADATA] = json.dumps(json.loads(members[KERAS_METADATA]) | {RUN_KEY: run}).encode()
    if half:
        members[KERAS_WEIGHTS] = halved_file(io.BytesIO(members[KERAS_WEIGHTS]))
    with zipfile.ZipFile(path, "w") as file:  # uncompressed, as Keras writes it
        for name, content in members.items():
            file.writestr(name, content)
