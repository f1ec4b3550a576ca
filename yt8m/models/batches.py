"""Models that are called with whole batches."""

from collections.abc import Mapping

import keras

from yt8m.layers import serialisable


@serialisable
class BatchModel(keras.Model):
    """A functional model that takes its inputs out of a batch (`yt8m.data.schema`) and leaves the rest of it alone.

    Keras's own models complain of an id or labels among the inputs. Made as they are, from a dict of inputs and the outputs.
    """

    def __call__(self, inputs, *args, **kwargs):
        if isinstance(inputs, Mapping):
            inputs = {key: inputs[key] for key in self.input if key in inputs}
        return super().__call__(inputs, *args, **kwargs)
