"""Uses a metric, a loss, a feature and a file system that a copy of the package has; prints what came of it as JSON.

python use_additions.py DIRECTORY, with the copy on PYTHONPATH. All in one process, as loading TensorFlow takes seconds.
"""

import contextlib
import io
import json
import sys
from pathlib import Path

from yt8m.commands.running import run as run_command

NUM_CLASSES = 40


def command(*words: str) -> str:
    """What a command prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        status = run_command([*words, "--verbose"])  # else each would take TensorFlow's log out of stderr once more
    assert status == 0, words
    return printed.getvalue()


def loss_of_three_classes() -> float:
    """Of a video with label 1 and logits 2, 0.5 and -0.25."""
    import tensorflow as tf

    from yt8m.config import LossConfig
    from yt8m.training.losses import TrainingLoss

    batch = {"labels": tf.constant([[1, -1]])}
    return float(TrainingLoss(LossConfig(kind="squared_hinge"), 3)(tf.constant([[2.0, 0.5, -0.25]]), batch)[0])


def scores_and_labels(run: str, path: str) -> dict:
    """What a run says of videos, float [N, C], and their labels, padded."""
    import yt8m

    model, scores, labels = yt8m.load_run(run), [], []
    for batch in yt8m.read_records(path, num_classes=NUM_CLASSES):
        scores += model({"mean_depth": batch["mean_depth"]}, training=False).numpy().tolist()
        labels += batch["labels"].numpy().tolist()
    shapes = {each.name: list(each.shape) for each in model.inputs}
    return {"scores": scores, "labels": labels, "inputs": shapes}


def frames_and_means(data: str) -> dict:
    """The new feature of the first video of each level, float [T, 64] and [64]; the inputs of a model of all features."""
    import yt8m
    from yt8m.data.quantisation import dequantise

    frames, means = (next(iter(yt8m.read_records(f"{data}/2/{level}/validate"))) for level in ("frame", "video"))
    count = int(frames["num_frames"][0])
    model = yt8m.build_model("nextvlad", num_classes=4, num_clusters=8, hidden_size=8)
    return {
        "frames": dequantise(frames["depth"][0, :count].numpy()).tolist(),
        "means": means["mean_depth"][0].numpy().tolist(),
        "stream_inputs": {each.name: list(each.shape) for each in model.inputs},
    }


def main(directory: Path) -> None:
    data, run, records = str(directory / "data"), str(directory / "run"), "lab://validate0000.tfrecord"
    command("synth", data, "--num-videos", "60", "--num-classes", str(NUM_CLASSES), "--num-shards", "1")
    inspected = json.loads(command("inspect", f"{data}/2/frame/train", "--plots", str(directory / "plots"), "--json"))
    trained = command(
        *("train", "logistic", "--run", run, "--loss", "squared_hinge", "--data.features", "depth"),
        *("--data.train", f"{data}/2/video/train", "--data.validate", records, "--data.num-classes", str(NUM_CLASSES)),
        *("--training.num-steps", "40", "--training.batch-size", "16", "--training.validate-every-steps", "20"),
    )
    result = {
        "features": inspected["features"],
        "trained": trained,
        "evaluated": json.loads(command("evaluate", "--run", run, "--json")),
        "loss": loss_of_three_classes(),
        **scores_and_labels(run, records),
        **frames_and_means(data),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
