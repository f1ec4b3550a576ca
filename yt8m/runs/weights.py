"""The weights of a model as a file, in Keras's own format (`keras.Model.load_weights` reads it too)."""

import io
import warnings
from pathlib import Path

import keras
from keras.src.saving import saving_lib

from yt8m.errors import InputError
from yt8m.files import NewFile


def save_weights(model: keras.Model, path: Path) -> None:
    """Writes the weights, whole or not at all.

    HDF5 ends the process with a crash where the disk is full, so it writes to memory, for which Keras has no public way.

    Args:
        model: built.
        path: ends in `.weights.h5`.

    Raises:
        InputError: the disk is full, or the place cannot be written.
    """
    content = io.BytesIO()
    store = saving_lib.H5IOStore(content, mode="w")
    saving_lib._save_state(model, store, assets_store=None, inner_path="", visited_saveables=set())
    store.close()
    with NewFile(path) as file:
        file.write(content.getbuffer())


def load_weights(model: keras.Model, path: Path) -> None:
    """Gives the model the weights of a file.

    Raises:
        InputError: the file is damaged, or of another model.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", UserWarning
            )  # Keras's, of layers without weights in the file, before it fails
            model.load_weights(path)
    except Exception as error:  # HDF5 has errors of many kinds for damaged files
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(":")
        raise InputError(
            f"{path}: cannot be loaded ({reason}); the file is damaged or of another model: restore it, or train again"
        ) from error
