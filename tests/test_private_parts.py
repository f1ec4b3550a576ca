"""What we use of libraries that they do not promise: each part is named here, with why.

A library may change such a part in any release. Then a test below says which one, of which library, what depends on it, and with
which version it was last seen to work; the tests that fail beside it need not be understood first.
"""

import ast
import contextlib
import dataclasses
import importlib
import inspect
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from yt8m.commands.arguments import _one_line, _parts

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCES = [path for name in ("yt8m", "benchmarks", "tests") for path in sorted((REPOSITORY / name).rglob("*.py"))]


@dataclass(frozen=True)
class Private:
    """A part that is not promised."""

    name: str
    """As it stands in our code."""
    place: str
    """The module and the attribute that it is, as `module:attribute`."""
    package: str
    """Which brings it; "" for Python itself."""
    works_with: str
    """The version with which it was last seen to work."""
    used_by: str
    what_for: str


PRIVATE = [
    Private(
        "keras.src.saving",
        "keras.src.saving.saving_lib:H5IOStore",
        *("keras", "3.15.1", "yt8m/runs/weights.py"),
        "weights are written to memory; HDF5 ends the process where the disk is full, and Keras's own functions take paths alone",
    ),
    Private(
        "_save_state",
        "keras.src.saving.saving_lib:_save_state",
        *("keras", "3.15.1", "yt8m/runs/weights.py"),
        "fills that store",
    ),
    Private(
        "_backprop",
        "sklearn.neural_network:MLPClassifier._backprop",
        *("scikit-learn", "1.9.1", "tests/reranking/test_fitting_rerankers.py"),
        "is interrupted in a test, as scikit-learn takes that for the end of a training",
    ),
    Private(
        "_run_exitfuncs",
        "atexit:_run_exitfuncs",
        *("", "3.11", "yt8m/cli.py"),
        "what is registered with atexit is done before os._exit, which tensorflow-io makes necessary",
    ),
    Private(
        "_args_from_interpreter_flags",
        "subprocess:_args_from_interpreter_flags",
        *("", "3.11", "yt8m/data/engine/processes.py"),
        "processes that read get the flags of this Python; multiprocessing takes them from there, too",
    ),
    Private(
        "_actions",
        "argparse:ArgumentParser()._actions",
        *("", "3.11", "yt8m/commands/completing.py"),
        "the flags that tyro makes, for completion; argparse lists them nowhere else, and shtab reads them there, too",
    ),
    Private(
        "_option_string_actions",
        "argparse:ArgumentParser()._option_string_actions",
        *("", "3.11", "tests/documents/test_command_lines.py"),
        "the names of those flags",
    ),
    Private(
        "_env_to_endpoint",
        "kagglesdk.kaggle_env:_env_to_endpoint",
        *("kagglesdk", "0.1.38", "tests/conftest.py"),
        "Kaggle's client asks the stand-in on this machine; its public settings know fixed addresses alone",
    ),
    Private(
        "_keras_mask",
        "keras:layers.Masking()(...)._keras_mask",
        *("keras", "3.15.1", "tests/layers/test_pooling.py"),
        "pooled frames have no mask any more; under another name it would not be missed",
    ),
    Private(
        "_get_function",
        "tensorflow:Graph()._get_function",
        *("tensorflow", "2.16.2", "yt8m/training/liveness.py"),
        "the memory of loops and branches counts in the estimate of a step; without it they would be left out in silence",
    ),
    *(
        Private(
            name,
            f"subprocess:Popen.{name}",
            *("", "3.11", "tests/preloaded.py"),
            "processes that tests start are forks of one that has loaded TensorFlow, where they would load it themselves",
        )
        for name in ("_execute_child", "_close_pipe_fds")
    ),
    Private(
        "_write",
        "tensorflow:train.Checkpoint._write",
        *("tensorflow", "2.16.2", "tests/runs/test_checkpoints.py"),
        "a disk that is full while a checkpoint is written",
    ),
    Private(
        "tensorflow.python.util",
        "tensorflow.python.util:tf_stack.extract_stack",
        *("tensorflow", "2.16.2", "tests/conftest.py"),
        "operations that tests make share a stack; without it the tests take a twenty-fifth more time",
    ),
    Private(
        "tensorflow.python.framework",
        "tensorflow.python.framework:ops.gradient_registry._registry",
        *("tensorflow", "2.16.2", "yt8m/traced_gradients.py"),
        "gradients of graphs that are no more are forgotten; without it a process keeps the weights of every model it trains",
    ),
    Private(
        "_registry",
        "tensorflow.python.framework:ops.gradient_registry._registry",
        *("tensorflow", "2.16.2", "tests/conftest.py"),
        "as above",
    ),
]


def broken(private: Private, problem: str) -> str:
    package = private.package or "python"
    installed = metadata.version(package) if private.package else ".".join(map(str, __import__("sys").version_info[:3]))
    return (
        f"{package} {installed}: {private.place} {problem}. {private.used_by} needs it ({private.what_for}); "
        f"it was last seen to work with {package} {private.works_with}"
    )


@pytest.mark.parametrize("private", PRIVATE, ids=lambda private: private.place)
def test_a_private_part_is_still_there(private):
    if private.package == "kagglesdk":
        pytest.importorskip("kagglesdk")  # which Kaggle's client for Python 3.10 does without
    module, _, path = private.place.partition(":")
    if private.name == "_keras_mask":
        assert_a_mask_is_kept(private)
        return
    try:
        found = importlib.import_module(module)
        for name in path.split("."):
            found = getattr(found, name.removesuffix("()"))
            found = found() if name.endswith("()") else found
    except (ImportError, AttributeError) as error:
        pytest.fail(broken(private, f"is gone ({error})"))
    assert (REPOSITORY / private.used_by).is_file()


def assert_a_mask_is_kept(private: Private) -> None:
    """Keras gives it to what a layer returns, if the layer has one."""
    keras = importlib.import_module("keras")
    masked = keras.layers.Masking()(np.ones((1, 2, 3), np.float32))
    if getattr(masked, "_keras_mask", None) is None:
        pytest.fail(broken(private, "is not set by a layer that masks"))


def test_keras_still_writes_weights_to_memory():
    from keras.src.saving import saving_lib

    store, state = (inspect.signature(each).parameters for each in (saving_lib.H5IOStore, saving_lib._save_state))
    if not {"mode"} < {*store} or not {"assets_store", "inner_path", "visited_saveables"} < {*state}:
        pytest.fail(broken(PRIVATE[0], f"is called otherwise: {[*store]}, {[*state]}"))


def private_names(nodes: list[ast.AST]) -> Iterator[str]:
    """Attributes and modules in a file whose names say that they are private, and names of such attributes in strings."""
    for node in nodes:
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)
            if re.search(r"(^|\.)(src|python|_\w+)(\.|$)", node.module):
                yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if re.search(r"\.(src|python|_\w+)(\.|$)", alias.name))
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in (
            *("getattr", "setattr", "hasattr", "delattr"),
        ):
            yield from (each.value for each in node.args[1:2] if isinstance(each, ast.Constant))


def own_names(nodes: list[ast.AST]) -> Iterator[str]:
    """Private names that a file defines."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr.startswith("_"):
            yield node.attr


def test_every_private_part_of_others_is_named_above():
    own, used = set(), set()
    for path in SOURCES:
        nodes = [*ast.walk(ast.parse(path.read_text()))]
        own.update(own_names(nodes))
        used.update(name for name in private_names(nodes) if isinstance(name, str))
    private = {name for name in used - own if re.search(r"^_(?!_)|\.", name) and name != "_exit"}
    assert private == {each.name for each in PRIVATE} - own


@dataclass
class Flags:
    """Flags of every kind of value."""

    learning_rate: float
    steps: int
    kind: Literal["one", "two"]
    limit: int | Literal["auto"] = "auto"


TYRO = ("tyro", "1.0.17")
REWORDED = {
    ("--steps", "1", "--kind", "one"): "--learning-rate FLOAT is missing",
    ("--learning-rate", "a", "--steps", "1", "--kind", "one"): "--learning-rate is 'a'; it must be a number",
    ("--learning-rate", "1", "--steps", "1.5", "--kind", "one"): "--steps is '1.5'; it must be a whole number",
    ("--learning-rate", "1", "--steps", "1", "--kind", "three"): "--kind is 'three'; it must be one of 'one', 'two'",
    ("--learning-rate", "1", "--steps", "1", "--kind", "one", "--limit", "x"): (
        "--limit is 'x'; it must be a whole number or 'auto'"
    ),
    ("--learning-rate", "1", "--steps", "1", "--kind", "one", "--limi", "3"): "did you mean --limit?",
}
"""Mistakes, and what we make of what tyro says of them."""


@pytest.mark.parametrize("arguments", REWORDED, ids=" ".join)
def test_what_tyro_says_is_still_understood(arguments):
    """tyro tells mistakes as text for people, in a drawn box, and in no other way."""
    tyro = importlib.import_module("tyro")
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said), pytest.raises(SystemExit):
        tyro.cli(Flags, args=list(arguments), prog="program")
    line = _one_line(said.getvalue())
    if REWORDED[arguments] not in line or not _parts(said.getvalue()):
        name, version = TYRO
        pytest.fail(
            f"{name} {metadata.version(name)} words a mistake otherwise, so that yt8m/commands/arguments.py makes {line!r} "
            f"of it and not {REWORDED[arguments]!r}; it was last seen to work with {name} {version}. It said:\n{said.getvalue()}"
        )


def damaged_record(directory: Path) -> None:
    """Reads a second record whose checksum is wrong: its data begin at byte 16 + 4 + 12."""
    import tensorflow as tf

    from yt8m.data.records import framed

    first, second = framed(b"good"), bytearray(framed(b"bad"))
    second[-5] ^= 1
    (directory / "file").write_bytes(first + second)
    list(tf.data.TFRecordDataset(str(directory / "file")))


def failed_check(directory: Path) -> None:
    """What a graph's assertion says of a value."""
    import tensorflow as tf

    @tf.function
    def check(value):
        with tf.control_dependencies([tf.debugging.Assert(False, ["a message", value[:1]], summarize=1)]):
            return tf.identity(value)

    check(tf.constant(["ab12"]))


WORDINGS = {
    damaged_record: (r"record at 32\b", "yt8m/data/pipeline.py", "begins the search for a broken record where it is"),
    failed_check: (r"a message\] \[ab12\]", "yt8m/training/distillation.py", "names the video that a teacher lacks"),
}
"""Errors of TensorFlow that we take apart: what we look for, where, and what for."""


@pytest.mark.parametrize("fail", WORDINGS, ids=lambda fail: fail.__name__)
def test_what_tensorflow_says_is_still_understood(fail, tmp_path):
    import tensorflow as tf

    wording, used_by, what_for = WORDINGS[fail]
    with pytest.raises((tf.errors.DataLossError, tf.errors.InvalidArgumentError)) as caught:
        fail(tmp_path)
    if not re.search(wording, str(caught.value)):
        pytest.fail(
            f"tensorflow {tf.__version__} words an error otherwise than {wording!r}, which {used_by} looks for ({what_for}); it "
            f"was last seen to work with tensorflow 2.16.2. It said:\n{caught.value}"
        )


def test_the_stratification_still_takes_lists_for_a_matrix():
    """`iterative-stratification` is given lists behind what it does with a matrix; see yt8m/data/tools/stratification.py."""
    from iterstrat.ml_stratifiers import IterativeStratification

    from yt8m.data.tools.stratification import VideoClasses, _LabelMatrix

    random = np.random.default_rng(0)
    lists = [random.choice(9, random.integers(0, 4), replace=False).tolist() for _ in range(80)]
    classes = VideoClasses.of(lists)
    matrix = np.zeros((80, classes.num_classes), bool)
    matrix[classes.videos, classes.flat] = True
    name, works_with = "iterative-stratification", "0.1.9"
    found = []
    for labels in (matrix, _LabelMatrix(classes)):
        try:
            found.append(IterativeStratification(labels, np.array([0.7, 0.3]), np.random.RandomState(1)).tolist())
        except Exception as error:
            found.append(f"{type(error).__name__}: {error}")
    if found[0] != found[1]:
        pytest.fail(
            f"{name} {metadata.version(name)} does something else with its matrix of labels than _LabelMatrix of "
            f"yt8m/data/tools/stratification.py stands for ({found[1]}); it was last seen to work with {name} {works_with}"
        )


def test_the_table_is_of_fields_that_are_filled():
    assert all(all(dataclasses.astuple(each)[:2]) and each.works_with and each.what_for for each in PRIVATE)
