"""The weighted mean of several models' predictions."""

import keras
from keras import ops

from yt8m.layers import serialisable
from yt8m.layers.heads import log_sum_exp

LARGEST_LOGIT = 30.0
"""The largest logit in a sum of logits: more certainty than probabilities of 1e-13 and 1 - 1e-13 is never needed."""


@serialisable
class CombinedLogits(keras.layers.Layer):
    """Combines the logits of M models, which have probabilities p_m.

    - geometric: the logit of exp(sum of w_m log p_m);
    - arithmetic: the logit of the sum of w_m p_m;
    - logistic: the sum of w_m logit_m, plus an intercept. Logits beyond `LARGEST_LOGIT` count as that.

    Args:
        combined: one of these.
        weights: w_m, [M]; of the two means, 0 or more with the sum 1.
        intercept: for `logistic`.

    Call arguments: a list of M logits, float32 [B, C]. Returns logits, float32 [B, C].
    """

    def __init__(self, combined, weights, intercept=0.0, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.combined, self.weights_of_models = combined, [float(weight) for weight in weights]
        self.intercept = float(intercept)

    def call(self, logits):
        pairs = [(w, each) for w, each in zip(self.weights_of_models, logits, strict=True) if w]
        if self.combined == "logistic":
            return sum(w * ops.clip(each, -LARGEST_LOGIT, LARGEST_LOGIT) for w, each in pairs) + self.intercept
        if self.combined == "arithmetic":
            present, *_ = log_sum_exp([ops.log(w) + ops.log_sigmoid(each) for w, each in pairs])
            return present - log_sum_exp([ops.log(w) + ops.log_sigmoid(-each) for w, each in pairs])[0]
        mean = ops.minimum(sum(w * ops.log_sigmoid(each) for w, each in pairs), -1e-7)
        return mean - ops.log(-ops.expm1(mean))

    def compute_output_shape(self, input_shapes):
        return input_shapes[0]

    def get_config(self):
        own = {"combined": self.combined, "weights": self.weights_of_models, "intercept": self.intercept}
        return super().get_config() | own
