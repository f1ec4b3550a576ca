"""`benchmarks/gpu.py` on the CPU, with a small model: it runs, and counts the operations that are there."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
BATCH, FRAMES, CLUSTERS, HIDDEN, CLASSES, EXPERTS = 4, 10, 256, 64, 50, 2
PROGRAM = f"""
import json
from benchmarks import gpu
from yt8m.models.frame import DeepBagOfFrames

model = DeepBagOfFrames(num_clusters={CLUSTERS}, hidden_size={HIDDEN}, num_mixtures={EXPERTS})
steps = [gpu.measure_step(model, precision, {BATCH}, {FRAMES}, {CLASSES}) for precision in gpu.PRECISIONS]
peaks = [gpu.measure_peak(precision, 256) for precision in gpu.PRECISIONS]
print(json.dumps([[step.seconds, step.operations, step.bytes, step.shortest(peak)] for step, peak in zip(steps, peaks)]))
"""


def test_a_step_is_timed_and_its_operations_counted():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "--quick"], cwd=REPOSITORY, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    # Products of the frames (forward, and the gradient of the weights), of the pooled videos and of the head (and the
    # gradient of what they get).
    frames = 2 * 2 * BATCH * FRAMES * 1152 * CLUSTERS
    videos = 3 * 2 * BATCH * (CLUSTERS * HIDDEN + HIDDEN * CLASSES * (2 * EXPERTS + 1))
    for seconds, operations, moved, shortest in json.loads(done.stdout.splitlines()[-1]):
        assert seconds > 0
        assert frames + videos < operations < 3 * (frames + videos)
        assert moved > 4 * 1152 * CLUSTERS
        assert shortest > 0


def test_it_runs_in_its_quick_form_and_leaves_the_document_alone():
    document = REPOSITORY / "docs" / "benchmarks.md"
    before = document.read_bytes()
    command = [sys.executable, "-m", "benchmarks.gpu", "--quick"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "| `frame_logistic` | mixed_bfloat16 | 4 x 300 |" in done.stdout
    assert document.read_bytes() == before


def test_the_shortest_step_is_bound_by_the_slower_of_the_two():
    code = (
        "from benchmarks.gpu import Peak, Step; "
        "print(Step(1, 100, 50).shortest(Peak(100, 100)), Step(1, 10, 50).shortest(Peak(100, 100)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert [float(value) for value in done.stdout.split()] == pytest.approx([1.0, 0.5])
