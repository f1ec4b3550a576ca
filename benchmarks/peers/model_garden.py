"""The train step of TF Model Garden's DBoF; run in an environment with tf-models-official, without this project.

Prints one JSON object: videos a second, CPU microseconds a video, parameters. The model, the loss and the clipping are those
of its YT8MTask, which itself needs modules that are not in the package; the optimizer is the one that its configuration names.
"""

import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

import numpy as np
import tensorflow as tf
import tf_keras
from official.modeling import tf_utils
from official.projects.yt8m.configs import yt8m as configs
from official.projects.yt8m.modeling import yt8m_model


def main(settings: dict) -> dict[str, float]:
    """Times the step for `settings["seconds"]`.

    Args:
        settings: `clusters`, `hidden`, `mixtures`, `batch`, `frames`, `classes`, `pooling` ("average" or "max") and
            `seconds`.
    """
    parameters = configs.VideoClassificationModel()
    parameters.backbone.type, parameters.head.type = "dbof", "moe"
    parameters.backbone.dbof.cluster_size = settings["clusters"]
    parameters.backbone.dbof.hidden_size = settings["hidden"]
    parameters.backbone.dbof.pooling_method = settings["pooling"]
    parameters.head.moe.num_mixtures = settings["mixtures"]
    parameters.norm_activation.use_sync_bn = False
    model = yt8m_model.VideoClassificationModel(
        params=parameters,
        num_classes=settings["classes"],
        input_specs=tf_keras.layers.InputSpec(shape=[None, None, 1152]),
        l2_weight_decay=configs.Losses().l2_weight_decay,
    )
    random = np.random.default_rng(0)
    frames = tf.constant(random.normal(size=(settings["batch"], settings["frames"], 1152)), tf.float32)
    labels = tf.constant(random.random((settings["batch"], settings["classes"])) < 0.001, tf.float32)
    optimizer = tf_keras.optimizers.Adam(1e-4)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            predictions = model(frames, training=True)["predictions"]
            losses = tf_keras.losses.binary_crossentropy(labels[..., None], predictions[..., None], axis=-1)
            loss = tf_utils.safe_mean(losses) + tf.add_n(model.losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        gradients, _ = tf.clip_by_global_norm(gradients, configs.YT8MTask().gradient_clip_norm)
        optimizer.apply_gradients(list(zip(gradients, model.trainable_variables, strict=True)))
        return loss

    step().numpy()
    times, end = [], time.perf_counter() + settings["seconds"]
    while time.perf_counter() < end or not times:
        start, cpu = time.perf_counter(), time.process_time()
        step().numpy()
        times.append((time.perf_counter() - start, time.process_time() - cpu))
    passed, spent = np.median(times, axis=0)
    count = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
    batch = settings["batch"]
    return {"rate": batch / float(passed), "cpu": 1e6 * float(spent) / batch, "parameters": count}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
