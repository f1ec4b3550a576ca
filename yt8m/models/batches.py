"""A Keras model that can be called with whole batches."""

from collections.abc import Mapping

import keras

from yt8m.layers import serialisable


@serialisable
class BatchModel(keras.Model):
    """A functional model that picks its inputs from a batch (`yt8m.data.schema`) and ignores the other keys.

    Keras's own models complain about ids or labels among the inputs. Make it like a `keras.Model`, from a dict of inputs and
    the outputs.
    """

    def __call__(self, inputs, *args, **kwargs):
        if isinstance(inputs, Mapping):
            inputs = {key: inputs[key] for key in self.input if key in inputs}
        return super().__call__(inputs, *args, **kwargs)
