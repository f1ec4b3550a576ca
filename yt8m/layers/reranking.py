"""The network of `yt8m.reranking` as a layer."""

import itertools

import keras
from keras import ops

from yt8m.layers import serialisable
from yt8m.layers.combining import LARGEST_LOGIT
from yt8m.reranking.features import TOP_RANKS, num_features
from yt8m.reranking.reranker import LIMIT


@serialisable
class RerankedLogits(keras.layers.Layer):
    """A weighted sum of the logits of M models, whose best K classes networks score once more.

    Args:
        num_classes: C.
        weights: the weight of each model's logits, [M]. Logits beyond `LARGEST_LOGIT` count as that.
        intercept: of the sum.
        num_candidates: K. All other classes come after these, in the order of the sum.
        num_networks: S, the networks, whose mean logit counts.
        hidden_sizes: units of each hidden layer.

    Weights, none of them trained by gradients: the frequency of classes, float32 [C]; the mean and standard deviation of
    each feature, float32 [F]; kernels float32 [S, inputs, outputs] and biases float32 [S, outputs].

    Call arguments: a list of M logits, float32 [B, C]. Returns logits, float32 [B, C].
    """

    def __init__(self, num_classes, weights, intercept, num_candidates, num_networks, hidden_sizes, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.num_classes, self.weights_of_models = num_classes, [float(weight) for weight in weights]
        self.intercept, self.num_candidates = float(intercept), num_candidates
        self.num_networks, self.hidden_sizes = num_networks, list(hidden_sizes)

    def build(self, input_shapes):
        width = num_features(len(self.weights_of_models))
        self.log_frequency = self._stored("log_frequency", (self.num_classes,))
        self.center, self.scale = self._stored("center", (width,)), self._stored("scale", (width,), "ones")
        sizes = [width, *self.hidden_sizes, 1]
        self.kernels = [
            self._stored(f"kernel_{place}", (self.num_networks, *shape))
            for place, shape in enumerate(itertools.pairwise(sizes))
        ]
        self.biases = [self._stored(f"bias_{place}", (self.num_networks, size)) for place, size in enumerate(sizes[1:])]
        self.built = True

    def _stored(self, name, shape, initializer="zeros"):
        return self.add_weight(name=name, shape=shape, initializer=initializer, trainable=False, autocast=False)

    def assign(self, reranker):
        """Takes over the weights of a `yt8m.reranking.Reranker` for as many members and classes."""
        pairs = [
            (self.log_frequency, reranker.log_frequency),
            (self.center, reranker.center),
            (self.scale, reranker.scale),
            *zip(self.kernels, reranker.kernels, strict=True),
            *zip(self.biases, reranker.biases, strict=True),
        ]
        for variable, values in pairs:
            variable.assign(values)

    def call(self, logits):
        values = ops.stack([ops.clip(each, -LARGEST_LOGIT, LARGEST_LOGIT) for each in logits], axis=-1)  # [B, C, M]
        scores = ops.sum(values * ops.convert_to_tensor(self.weights_of_models, "float32"), axis=-1) + self.intercept
        best, order = ops.top_k(scores, min(self.num_candidates, self.num_classes))  # [B, K]
        found = self._networks(self._features(best, ops.take_along_axis(values, order[:, :, None], axis=1), order))
        others = scores - best[:, -1:] + ops.min(found, axis=1, keepdims=True)
        rows = ops.broadcast_to(ops.arange(ops.shape(order)[0], dtype=order.dtype)[:, None], ops.shape(order))
        places = ops.stack([ops.reshape(rows, [-1]), ops.reshape(order, [-1])], axis=-1)
        return ops.scatter_update(others, places, ops.reshape(found, [-1]))

    def _features(self, scores, values, classes):
        """`yt8m.reranking.features.candidate_features`, of the same arguments but for the classes, [B, K]."""
        count = scores.shape[1]
        gaps = scores[:, :-1] - scores[:, 1:]
        zeros = ops.zeros_like(scores)
        shared = [
            scores,
            zeros + ops.log1p(ops.arange(count, dtype="float32")),
            ops.pad(gaps, [[0, 0], [1, 0]]),
            ops.pad(gaps, [[0, 0], [0, 1]]),
            zeros + ops.logsumexp(ops.log_sigmoid(scores), axis=1, keepdims=True),
            *(zeros + scores[:, min(rank, count - 1), None] for rank in TOP_RANKS),
            ops.take(self.log_frequency, classes),
        ]
        found = ops.stack(shared, axis=-1)
        if values.shape[-1] == 1:
            return found
        below = ops.max(values, axis=1, keepdims=True) - values
        return ops.concatenate([found, ops.std(values, axis=-1, keepdims=True), values, below], axis=-1)

    def _networks(self, features):
        """Logits float32 [B, K] of features float32 [B, K, F]."""
        inputs = ops.clip((features - self.center) / self.scale, -LIMIT, LIMIT)
        total = 0.0
        for network in range(self.num_networks):
            hidden = inputs
            for place, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
                hidden = ops.matmul(ops.relu(hidden) if place else hidden, kernel[network]) + bias[network]
            total += hidden[..., 0]
        return total / self.num_networks

    def compute_output_shape(self, input_shapes):
        return input_shapes[0]

    def get_config(self):
        own = {"weights": self.weights_of_models}
        names = ("num_classes", "intercept", "num_candidates", "num_networks", "hidden_sizes")
        return super().get_config() | own | {name: getattr(self, name) for name in names}
