"""The model card of an export, in Hugging Face's form: what the model learned from, how good it is, and how it is used."""

import contextlib
import dataclasses
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yt8m.config import RunConfig
from yt8m.data.features import KNOWN, in_order, parse_features
from yt8m.data.tables.vocabulary import class_name, find_vocabulary, read_class_names
from yt8m.errors import InputError, quantity
from yt8m.exporting.archives import Format, without_places
from yt8m.exporting.half_precision import MetricChange
from yt8m.files import read_json
from yt8m.metrics.registry import COUNTS, METRICS, find, task_of
from yt8m.recipes import RECIPES, make_config
from yt8m.recipes.command_line import flags_of, in_shell
from yt8m.runs import RunDirectory
from yt8m.runs.learned import first_records
from yt8m.runs.listing import num_training_records
from yt8m.runs.metrics import best_metrics

CARD = "README.md"
_MARK = "<!-- The card of {}, written by yt8m export -->"
_TAGS: dict[Format, str] = {
    "saved-model": "tensorflow",
    "keras": "keras",
    "litert": "tflite",
    "onnx": "onnx",
    "archive": "yt8m",
}
_TASK = "video-classification"


@dataclass(frozen=True)
class CardFacts:
    """What the card of an export says that the run itself does not know."""

    out: str | os.PathLike
    """Where the export is written. Its last part is all that the card says of it."""
    format: Format
    num_parameters: int
    license: str
    """The license of the weights, by Hugging Face's identifier; empty if none is stated."""
    flags: Sequence[str]
    """Further flags of the export."""
    change: MetricChange | None = None
    """The effect of float16 on the metric."""


def check_license(name: str) -> None:
    """Raises InputError unless a license is an identifier as Hugging Face has them, or empty."""
    if name and not re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", name):
        raise InputError(
            f"--license {name}: is no identifier of a license; give one such as apache-2.0, cc-by-4.0 or other"
        )


def card_path(out: str | os.PathLike, format: Format) -> Path:
    """Where the card of an export belongs: `README.md` in a SavedModel's directory, or beside a file.

    A `README.md` beside the file that is not this file's card stays as it is, and the card is `model.onnx.README.md`.
    """
    if format == "saved-model":
        return Path(out, CARD)
    beside, mark = Path(out).parent / CARD, _MARK.format(Path(out).name)
    try:
        is_free = mark in beside.read_text(errors="replace")
    except FileNotFoundError:
        is_free = True
    except OSError:  # a directory, say
        is_free = False
    return beside if is_free else Path(f"{os.fspath(out)}.{CARD}")


def model_card(run: str | os.PathLike, config: RunConfig, facts: CardFacts) -> str:
    """The card of an export, as Markdown after a header in YAML.

    It names no path of records, runs or files, which are private.

    Args:
        run: the run directory.
        config: its configuration.
        facts: what was exported.

    Raises:
        InputError: a file of the run, or the names of its classes, cannot be read.
    """
    name, metrics = Path(os.path.realpath(run)).name, best_metrics(run)
    parts = [
        "\n".join(["---", *_header(name, config, metrics, facts), "---"]),
        _MARK.format(Path(facts.out).name),
        f"# {name}",
        _about(config, facts),
        "## Use",
        _use(config, facts),
        "## Data",
        _data(run, config),
        "## Metrics",
        _metrics(metrics, facts.change),
        "## Classes",
        _classes(run, config),
        "## License",
        _license(facts.license),
        "## Commands",
        _commands(run, config, facts),
    ]
    return "\n\n".join(parts) + "\n"


def _header(name: str, config: RunConfig, metrics: dict[str, Any], facts: CardFacts) -> Iterator[str]:
    """The lines of the YAML. Text is quoted as in JSON, which YAML includes."""
    if facts.license:
        yield f"license: {json.dumps(facts.license)}"
    if facts.format == "keras":
        yield "library_name: keras"
    yield f"pipeline_tag: {_TASK}"
    tags = ["youtube-8m", "multi-label", config.model.name, "yt8m", _TAGS[facts.format]]
    yield f"tags: {json.dumps(list(dict.fromkeys(tags)))}"
    found = [metric for metric in METRICS if metric.key in metrics and metric.task and metric.shown != "data"]
    if not found:
        return
    yield f"metrics: {json.dumps([metric.key for metric in found])}"
    yield from ("model-index:", f"- name: {json.dumps(name)}", "  results:", "  - task:", f"      type: {_TASK}")
    yield from ("    dataset:", "      type: youtube-8m-records", "      name: The validation records of the run")
    yield "    metrics:"
    for metric in found:
        yield from (f"    - type: {metric.key}", f"      name: {json.dumps(metric.heading)}")
        yield f"      value: {float(metrics[metric.key])!r}"


def _about(config: RunConfig, facts: CardFacts) -> str:
    description = (type(config.model).__doc__ or "").strip().splitlines()[0]
    return (
        f"`{config.model.name}`: {description} It gives each video the probabilities of {config.data.num_classes:,} classes, "
        f"of which any number may be true. {facts.num_parameters:,} parameters."
    )


def _use(config: RunConfig, facts: CardFacts) -> str:
    """The first lines of code, and the inputs."""
    file = Path(facts.out).name
    if facts.format == "archive":
        unpack = in_shell(["yt8m", "unpack", file, "--out", "runs/model"])
        return _fenced("sh", f"{unpack}\nyt8m predict --run runs/model --data RECORDS --out submission.csv")
    if facts.format == "keras":
        code = f"import keras\nimport yt8m.layers.every\n\nmodel = keras.models.load_model({json.dumps(file)})"
        return f"{_fenced('python', code)}\n\nFrom batches of `yt8m.read_records` to logits, whose sigmoid is the probability."
    inputs = _inputs(config, facts.format)
    values = ", ".join(f'"{name}": {name}' for name, _, _ in inputs)
    given = ", ".join(f"{name}={name}" for name, _, _ in inputs)
    code = {
        "saved-model": "import tensorflow as tf\n\n"
        f'model = tf.saved_model.load({json.dumps(file)})\nmodel.signatures["serving_default"]({given})["predictions"]',
        "litert": "from ai_edge_litert.interpreter import Interpreter\n\n"
        f'run = Interpreter({json.dumps(file)}).get_signature_runner("serving_default")\nrun({given})["predictions"]',
        "onnx": "import onnxruntime\n\n"
        f'session = onnxruntime.InferenceSession({json.dumps(file)})\nsession.run(["predictions"], {{{values}}})[0]',
    }[facts.format]
    rows = [f"| `{name}` | {kind} | {meaning} |" for name, kind, meaning in inputs]
    return "\n".join([_fenced("python", code), "", "| input | type | what |", "|---|---|---|", *rows])


def _inputs(config: RunConfig, format: Format) -> list[tuple[str, str, str]]:
    """The name, type and meaning of each input."""
    from yt8m.exporting.signatures import frame_inputs

    features = in_order(parse_features(config.data.features))
    if format == "onnx" and config.model.level == "video":
        return [(each.video_name, f"float32 [videos, {each.size}]", f"means of {each.name}") for each in features]
    videos, rows = "1" if format == "litert" else "videos", []
    for prefix, whose in [("", ""), ("context_", " of the whole video")][
        : 1 + (config.data.segment_context == "video")
    ]:
        for name, inside in frame_inputs(features).items():
            width, names = sum(each.size for each in inside), " and then ".join(each.name for each in inside)
            rows.append(
                (
                    f"{prefix}{name}",
                    f"float32 [{videos}, frames, {width}]",
                    f"values of {names}, one frame a second{whose}",
                )
            )
        rows.append((f"{prefix}num_frames", f"int32 [{videos}]", f"number of frames{whose} that are not padding"))
    return rows


def _data(run: str | os.PathLike, config: RunConfig) -> str:
    """What the records hold, and how many there were."""
    features = in_order(parse_features(config.data.features))
    level = "Video-level records: the means" if config.model.level == "video" else "Frame-level records: the values"
    words = " and ".join(f"{each.name} ({each.size} values)" for each in features)
    known = " in the format of YouTube-8M" if all(each == KNOWN.get(each.name) for each in features) else ""
    number = num_training_records(RunDirectory(Path(run)))
    learned = f" The model learned from {quantity(number, 'record')}." if number else ""
    return f"{level} of {words}{known}, with labels of {config.data.num_classes:,} classes.{learned}"


def _metrics(metrics: dict[str, Any], change: MetricChange | None) -> str:
    """The result of the best validation, and what float16 changed."""
    task = task_of(metrics)
    if task is None:
        return "Not known: the run holds no validation of its weights."
    lines = ["| metric | value | what |", "|---|---|---|"]
    for metric in METRICS:
        if metric.key in metrics and metric.shown != "data":
            lines.append(f"| {metric.heading} | {metric.text(metrics[metric.key])} | {metric.meaning} |")
    count, unit = metrics.get(COUNTS[task].key), COUNTS[task].unit
    records = f"the {quantity(int(count), unit)}" if count else f"the {unit}s"
    step = f", {metrics['step']}," if "step" in metrics else ""
    lines += [
        "",
        f"Measured on {records} of the validation split. They chose the best step{step} and did not train the model.",
    ]
    if change:
        title, text = find(change.metric).title, find(change.metric).text
        compared = f"{text(change.after)} instead of {text(change.before)} on {quantity(change.count, unit)}"
        lines.append(f"With the weights as float16, {title} is {compared}.")
    return "\n".join(lines)


def _classes(run: str | os.PathLike, config: RunConfig) -> str:
    """The numbers and names of the classes."""
    records = first_records(run, config)
    names: Mapping[int, str] = {}
    with contextlib.suppress(InputError):  # a broken table of names is no reason not to export
        vocabulary = find_vocabulary(records) if records else None
        names = read_class_names(vocabulary) if vocabulary else {}
    count = f"{config.data.num_classes:,} classes. Class 0 is the first of the probabilities."
    if not names:
        return f"{count} Their names are not known: no vocabulary lies at the root of the training records."
    rows = "\n".join(f"{number} {class_name(number, names)}" for number in range(config.data.num_classes))
    return f"{count}\n\n<details>\n<summary>Names</summary>\n\n{_fenced('text', rows)}\n\n</details>"


def _license(name: str) -> str:
    stated = (
        f"The weights: `{name}`."
        if name
        else "The weights: not stated. `yt8m export --license cc-by-4.0`, say, states it."
    )
    return f"{stated} yt8m itself: `apache-2.0`. The records of YouTube-8M are Google's: `cc-by-4.0`."


def _commands(run: str | os.PathLike, config: RunConfig, facts: CardFacts) -> str:
    """How the model was trained, if a recipe says it, and exported."""
    file = Path(facts.out).name
    export = ["export", "--run", "RUN", "--format", facts.format, "--out", file, *facts.flags]
    lines = [in_shell(["yt8m", *export])]
    if config.recipe in RECIPES and config.pretrain is None:
        flags = flags_of(_public(config), make_config(config.recipe))
        train = ["train", config.recipe, "--data.root", "DATA", *flags, "--run", "RUN"]
        lines.insert(0, in_shell(["yt8m", *train]))
    versions = _versions(run)
    trained = f"\n\nTrained with {versions}." if versions else ""
    return f"{_fenced('sh', chr(10).join(lines))}{trained}"


def _public(config: RunConfig) -> RunConfig:
    """A configuration without places, neither of files nor of machines."""
    public = without_places(config)
    fold = os.path.basename(public.data.fold) if ":" in public.data.fold else public.data.fold
    return dataclasses.replace(public, data=dataclasses.replace(public.data, labels="", service="", fold=fold))


def _versions(run: str | os.PathLike) -> str:
    try:
        found = read_json(RunDirectory(Path(run)).environment)["versions"]
        return ", ".join(f"{package} {version}" for package, version in found.items())
    except (InputError, OSError, KeyError, TypeError, AttributeError):  # of another version, or unpacked
        return ""


def _fenced(language: str, text: str) -> str:
    fence = "```" if "```" not in text else "~~~~"
    return f"{fence}{language}\n{text}\n{fence}"
