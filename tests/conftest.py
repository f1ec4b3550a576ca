"""Fixtures shared by all tests."""

import fcntl
import functools
import gc
import itertools
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable, MutableMapping
from pathlib import Path

import preloaded
import pytest


def forget_make(environment: MutableMapping[str, str]) -> None:
    """Removes what `make` hands to the programs that it starts: a `make` that a test starts would take it for its own."""
    given = environment.get("MAKEFLAGS", "").partition("-- ")[2]
    variables = [word.partition("=")[0] for word in shlex.split(given)]
    for name in ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS", *variables):
        environment.pop(name, None)


forget_make(os.environ)
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell's background jobs ignore Ctrl-C, and so does all that they start, also what tests stop in that way.
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
if "PYTEST_XDIST_WORKER" in os.environ:  # the other cores are the other workers'
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
# What XLA compiles here runs once or twice.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")

COLLECT_AFTER = 50_000
"""Objects made since the last collection; Python's own 700 suit a program smaller than TensorFlow, whose traces make millions."""

_OF_ONE_FUNCTION = re.compile(r"(CustomGradient|(Stateful)?PartitionedCall)-\d+")
"""Names of gradients in TensorFlow's register."""

SECONDS = {
    "test_every_benchmark.py": 250,
    "test_documented_commands.py": 160,
    "test_static_compilation.py": 95,
    "test_own_videos.py": 75,
    "test_launching.py": 60,
    "test_recovery.py": 50,
    "test_workers.py": 35,
    "test_command_lines.py": 20,
    "test_order.py": 12,
}
"""About how long the slow tests of modules take whose tests are far from `SECONDS_OF_A_SLOW_TEST`."""
SECONDS_OF_A_SLOW_TEST, SECONDS_OF_A_COMMAND = 2.0, 0.3

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_xdist_auto_num_workers(config):
    """One worker more than there are cores: tests wait for processes that start, end, hang or are killed, and for servers."""
    return os.cpu_count() + 1


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Puts modules that take long at the beginning of the share of each worker, or one would be left with such a test in the end.

    A worker begins with as many tests as another, in this order, and one that has nothing left takes others' from their end.
    """
    num_workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    modules = [tuple(each) for _, each in itertools.groupby(items, key=lambda item: item.path)]
    shares, seconds = [[] for _ in range(num_workers)], [0.0] * num_workers
    for module in sorted(filter(_seconds_of, modules), key=_seconds_of, reverse=True):
        shortest = seconds.index(min(seconds))
        shares[shortest].extend(module)
        seconds[shortest] += _seconds_of(module)
    rest = [item for module in modules if not _seconds_of(module) for item in module]
    left = len(items)
    for number, share in enumerate(shares):
        count = max(left // (num_workers - number) - len(share), 0)
        share += rest[:count]
        del rest[:count]
        left -= len(share)
    items[:] = [item for share in shares for item in share]


@functools.cache
def _seconds_of(module: tuple[pytest.Item, ...]) -> float:
    """About how long the tests of a module take; 0, if none of them takes long."""
    path = module[0].path if module else Path()
    num_slow = sum(item.get_closest_marker("slow") is not None for item in module)
    if num_slow and path.name in SECONDS:
        return SECONDS[path.name]
    others = len(module) - num_slow if {"integration", "jax_backend"} & {*path.parts} else 0
    return SECONDS_OF_A_SLOW_TEST * num_slow + SECONDS_OF_A_COMMAND * others


def pytest_collection_finish(session):
    """Leaves the modules, which are never garbage, out of its collection: walking through them took a twentieth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """What users get, for the tests that take long; see `_optimised_graphs`."""
    if "tensorflow" in sys.modules:
        _share_one_stack()
        _optimise_graphs(item.get_closest_marker("slow") is not None)


@functools.cache
def _share_one_stack() -> None:
    """TensorFlow keeps with each operation of a graph the stack that made it, for its messages. It walks pytest's part of the
    stack, too, which took a twenty-fifth of the tests' time. All operations made by tests have this one."""
    from tensorflow.python.util import tf_stack

    stack = tf_stack.extract_stack()
    tf_stack.extract_stack = lambda stacklevel=1: stack


def _optimise_graphs(wanted: bool) -> bool:
    """Lets TensorFlow optimise the graphs that it runs from now on, or not; whether it did before."""
    import tensorflow as tf

    did = not tf.config.optimizer.get_experimental_options().get("disable_meta_optimizer", False)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": not wanted})
    return did


@pytest.fixture
def _optimised_graphs():
    """Graphs optimised as users' are. Optimising a small one takes longer than running it a few times, a tenth of the time of the
    quick tests, so most of these leave it out; the slow ones, and all processes that tests start, do as users do."""
    did = _optimise_graphs(True)
    yield
    _optimise_graphs(did)


@pytest.fixture
def _plain_graphs():
    """For slow tests of what commands print, of which each makes dozens of graphs that run a few times."""
    _optimise_graphs(False)


@pytest.fixture(scope="module", autouse=True)
def _forget_gradients():
    """TensorFlow registers the gradient of a function in each graph that it traces, and so keeps the graph for ever: several
    gigabytes in the end, which Python's garbage collection walks through. No test takes a gradient of another module's graph."""
    yield
    if "tensorflow" in sys.modules:
        from tensorflow.python.framework import ops

        registered = ops.gradient_registry._registry
        for name in [*filter(_OF_ONE_FUNCTION.fullmatch, registered)]:
            del registered[name]


@pytest.fixture(scope="session", autouse=True)
def _draw_no_curves():
    """Drawing the curves takes a third of a small training's time. test_curves.py and processes that tests start draw some.

    `curves.plot.__wrapped__` draws.
    """
    from yt8m.training import curves

    @functools.wraps(curves.plot)
    def plot(rows, path, best_step=None):
        path.write_bytes(b"\x89PNG")

    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(curves, "plot", plot)
        yield


@pytest.fixture(scope="module")
def _values_of_few_videos_count():
    """The labels of as few videos as the small sample has say which values count, as those of hundreds do."""
    from yt8m.training import explained_variance

    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(explained_variance, "FEWEST_VIDEOS", 1)
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with real YouTube-8M records, which is no part of the repository."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"no real YouTube-8M records beside the checkout ({REAL_DATA.parent.name}/{REAL_DATA.name})")
    return REAL_DATA


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """Makes a directory once for all workers of xdist, and returns its path; no test may change it.

    `made_once(name, make)` calls `make(path)` in the first worker that wants it.
    """
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent

    def made(name: str, make: Callable[[Path], object]) -> Path:
        path, done = place / "shared" / name, place / "shared" / f"{name}-is-made"
        path.parent.mkdir(exist_ok=True)
        with open(path.with_name(f"{name}-lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(path, ignore_errors=True)  # of a worker that failed
                make(path)
                done.touch()
        return path

    return made


@pytest.fixture(scope="session")
def sample(made_once) -> Path:
    """A tiny sample data set in the official layout: 64 + 13 + 13 videos, 12 classes, 2 shards a split."""
    from yt8m.data.tools.synthetic import synthesise

    return made_once("sample", lambda path: synthesise(path, num_videos=64, num_classes=12, num_shards=2, seed=1))


@pytest.fixture(scope="session")
def once_trained(sample, made_once, tmp_path_factory):
    """Copies a run of trained_runs.py, which is trained once for all modules; options are those of its data."""
    from trained_runs import trained

    def copy(**options) -> str:
        name = f"trained-{zlib.crc32(repr(options).encode()):08x}"
        run = made_once(name, lambda path: trained(path, sample, **options))
        return str(shutil.copytree(run, tmp_path_factory.mktemp("runs") / "run"))

    return copy


@pytest.fixture
def _signal_handlers():
    """Those of a command end with its process; this one goes on."""
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for each, handler in handlers.items():
        signal.signal(each, handler)


@pytest.fixture
def _preloaded(monkeypatch):
    """Processes of Python that the test has started have TensorFlow from the start."""
    monkeypatch.setattr(subprocess, "Popen", preloaded.Popen)


@pytest.fixture
def kaggle(monkeypatch, tmp_path):
    """A stand-in for Kaggle on this machine, which the real client asks, with a token in the environment."""
    from kaggle_stand_in import TOKEN, served
    from kagglesdk import kaggle_env
    from urllib3.util.retry import Retry

    for name in [*os.environ]:
        if name.startswith("KAGGLE_") or name == "VERBOSE":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "configuration"))
    monkeypatch.setenv("KAGGLE_USERNAME", "someone")
    monkeypatch.setenv("KAGGLE_KEY", TOKEN)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(Retry, "get_backoff_time", lambda self: 0)  # between the client's own attempts to upload
    with served() as stand_in:
        monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, stand_in.url)
        yield stand_in
