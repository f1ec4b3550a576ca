"""Models that predict frames from frames, for pretraining: the layers of an architecture, with other ones after them.

Two tasks:

- ``next``: the state of each frame predicts the frames after it;
- ``masked``: some frames are hidden. If the architecture has states of frames, the state of each hidden frame predicts it. If it
  pools the frames, they are left out of the pooling, and the pooled vector predicts their mean.

Layers have the names that they have in the model to be trained later, whose weights they become.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yt8m.config import Architecture, PretrainConfig
from yt8m.data.features import Feature, in_order, parse_features
from yt8m.errors import InputError
from yt8m.models.inputs import Inputs
from yt8m.models.parts import stored_ranges, stored_streams
from yt8m.models.stages import StagedLogits

if TYPE_CHECKING:
    import keras

WHITENED, REAL, VISIBLE, PREDICTED = "whitened", "real", "visible", "predicted"
"""The outputs: the whitened values of frames, float32 [B, T, D]; which frames are real, bool [B, T]; if some are hidden, those
that the model sees, bool [B, T]; and a list of predictions: float32 [B, T, D] of 1, 2 ... frames ahead, or of the frame itself,
or [B, D] of the mean of the hidden frames."""

HEAD = "head"
"""The layer that classifies. What comes before it is pretrained."""


@dataclass(frozen=True)
class Task:
    """What a model learns without labels."""

    is_next: bool
    """Predict the next frames; otherwise hidden frames."""
    pools: bool
    """Predict the mean of the hidden frames from a pooled vector."""


def task_of(architecture: Architecture, config: PretrainConfig, has_states: bool) -> Task:
    """The task of an architecture. Raises InputError if it cannot have the one that the configuration asks for."""
    can_forecast = has_states and architecture.is_causal
    if config.task == "next" and not can_forecast:
        why = "reads later frames, too" if has_states else "pools the frames"
        raise InputError(f"--pretrain.task next: {architecture.name} {why}; use --pretrain.task masked")
    is_next = can_forecast and config.task != "masked"
    return Task(is_next, not has_states)


def build_for_pretraining(
    architecture: Architecture, features: tuple[Feature | str, ...], config: PretrainConfig
) -> "keras.Model":
    """The model that predicts frames, from a batch's features to the outputs above.

    Raises:
        InputError: the model reads no frames, or has nothing before its head to learn.
    """
    import keras
    from keras.layers import Dense

    from yt8m.layers.forecasting import Whitening
    from yt8m.layers.preprocessing import FrameFeatures

    if architecture.level != "frame":
        raise InputError(
            f"{architecture.name} reads the means of videos; pretraining is for models of frames, such as transformer"
        )
    rows = in_order(parse_features(features, "features"))
    inputs = Inputs(rows)
    for row in rows:
        inputs[row.name] = keras.Input((None, row.size), dtype=row.storage, name=row.name)
    inputs["num_frames"] = keras.Input((), dtype="int32", name="num_frames")
    states, visible, task = _states(architecture, inputs, config)
    plain = FrameFeatures(False, stored_ranges(inputs), dtype="float32", name="stored_frames")
    frames, real = plain(stored_streams(inputs), inputs["num_frames"])
    size = sum(row.size for row in rows)
    names = [f"forecast_{ahead}" for ahead in range(1, config.num_ahead + 1)] if task.is_next else ["reconstruction"]
    predicted = [Dense(size, dtype="float32", name=name)(states) for name in names]
    outputs = {WHITENED: Whitening(dtype="float32", name="whitening")(frames), REAL: real, PREDICTED: predicted}
    if visible is not None:
        outputs[VISIBLE] = visible
    return keras.Model(dict(inputs), outputs, name=architecture.name)


def _states(architecture: Architecture, inputs: Inputs, config: PretrainConfig) -> tuple[Any, Any, Task]:
    """The states of frames [B, T, H], or the pooled vector [B, H]; which frames are visible, if some are hidden; and the task."""
    import keras

    from yt8m.layers.forecasting import HiddenFrames, VisibleFrames

    has_states = type(architecture).frame_states is not Architecture.frame_states
    task, seen = task_of(architecture, config, has_states), []

    def hide(frames, mask):
        visible = HiddenFrames(config.masked_share, config.masked_length, name="hidden_frames")(mask)
        seen.append(visible)
        return VisibleFrames(name="visible_frames")(frames, visible), visible if task.pools else mask

    inputs.hide = None if task.is_next else hide
    if has_states:
        states, _ = architecture.frame_states(inputs, causal=task.is_next)
        return states, *(seen or [None]), task
    logits = architecture.build(inputs, 1)
    if isinstance(logits, StagedLogits) or not seen:
        raise InputError(
            f"{architecture.name} has no single vector of a video to learn without labels; take a model that has, such as netvlad"
        )
    vector = keras.Model(dict(inputs), logits).get_layer(HEAD).input
    learned = keras.Model(dict(inputs), vector)
    if not learned.trainable_variables:
        raise InputError(
            f"{architecture.name} has no weights before its head, so there is nothing to learn without labels"
        )
    return vector, seen[0], task
