"""The examples of docs/reading.md, run as they are printed, on sample data; they read without TensorFlow."""

import os
import subprocess
import sys

import pytest
from fenced import REPOSITORY, blocks_of

from yt8m.data.tools.synthetic import synthesise

NUMPY, PYTORCH, JAX = (
    block.text for block in blocks_of(REPOSITORY / "docs" / "reading.md") if block.language == "python"
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Runs a program where the documentation's paths are those of the sample, and gives its lines."""
    directory = tmp_path_factory.mktemp("reading")
    synthesise(directory / "data" / "sample", num_videos=200, num_classes=20, num_shards=2, seed=1)
    loaded = "\nimport sys\nif __name__ == '__main__': print('tensorflow' in sys.modules)\n"

    def run_program(text: str) -> list[str]:
        (directory / "program.py").write_text(text + loaded)
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])}
        done = subprocess.run(
            [sys.executable, "program.py"], cwd=directory, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert lines.pop() == "False"
        return lines

    return run_program


def losses(lines: list[str]) -> list[float]:
    return [float(line.rpartition(" ")[2]) for line in lines]


def test_numpy(run):
    lines = run(NUMPY)
    sizes = [int(line.split()[0]) for line in lines]
    assert all(size == 64 for size in sizes[:-1])
    assert lines[0].startswith("64 videos: (64, 30, 1024) mean ")


def test_pytorch(run):
    pytest.importorskip("torch")
    first, second = losses(run(PYTORCH))
    assert second < first


def test_jax(run):
    pytest.importorskip("jax")
    found = losses(run(JAX))
    assert found[0] == pytest.approx(3862 * 0.6931, rel=1e-3)  # every class is even at first
    assert found[-1] < found[0]
