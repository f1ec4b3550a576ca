"""Saves and loads a model's weights in Keras's own format (`keras.Model.load_weights` reads it too)."""

import io
import warnings
from pathlib import Path

import keras
from keras.src.saving import saving_lib

from yt8m.errors import InputError
from yt8m.files import NewFile


def save_weights(model: keras.Model, path: Path) -> None:
    """Writes the weights completely or not at all.

    HDF5 crashes the process if the disk is full, so the weights are written to memory first. Keras has no public way for
    this.

    Args:
        model: a built model.
        path: a path that ends in `.weights.h5`.

    Raises:
        InputError: the disk is full, or the file cannot be written.
    """
    content = io.BytesIO()
    store = saving_lib.H5IOStore(content, mode="w")
    saving_lib._save_state(model, store, assets_store=None, inner_path="", visited_saveables=set())
    store.close()
    with NewFile(path) as file:
        file.write(content.getbuffer())


def load_weights(model: keras.Model, path: Path) -> None:
    """Loads the weights in a file into a model.

    Raises:
        InputError: the file is damaged, or belongs to another model.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", UserWarning
            )  # Keras warns of layers without weights in the file, then fails
            model.load_weights(path)
    except Exception as error:  # HDF5 has errors of many kinds for damaged files
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(":")
        raise InputError(
            f"{path}: cannot be loaded ({reason}); the file is damaged or of another model: restore it, or train again"
        ) from error
