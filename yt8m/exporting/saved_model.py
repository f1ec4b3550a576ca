"""A SavedModel for TensorFlow Serving, MediaPipe and TensorFlow in other languages."""

import os

import tensorflow as tf

from yt8m.data.sources import describe_error
from yt8m.errors import InputError
from yt8m.exporting.model_card import CARD
from yt8m.exporting.signatures import ExportedModel
from yt8m.files import new_directory

FRAMES_SIGNATURE = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
"""The signature that MediaPipe and TensorFlow Serving use by default."""


def write_saved_model(exported: ExportedModel, out: str | os.PathLike, card: str) -> list[str]:
    """Writes a SavedModel.

    Args:
        exported: the model.
        out: a new directory.
        card: the model card, which goes into it.

    Returns:
        The names of its signatures.

    Raises:
        InputError: the directory exists or cannot be written.
    """
    signatures = {FRAMES_SIGNATURE: exported.frames_function(), **exported.record_functions()}
    with new_directory(out) as directory:
        try:
            tf.saved_model.save(exported, str(directory), signatures)
            (directory / CARD).write_text(card, encoding="utf-8")
        except tf.errors.OpError as error:
            raise InputError(
                f"{os.fspath(out)}: cannot be written ({describe_error(error)}); choose another place, or make room"
            ) from error
    return list(signatures)
