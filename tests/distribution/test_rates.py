"""What is said of the processor's precision."""

import pytest
import tensorflow as tf
from small_runs import configure

from yt8m.distribution import rates
from yt8m.distribution.rates import ProductRates, has_low_precision, measure_rates, precision_remark
from yt8m.progress import Messages
from yt8m.training.loop import train

SLOW, FAST = ProductRates(1.96e11, 5.1e10), ProductRates(4.35e11, 9.17e11)
SENTENCE = (
    "this processor has no bfloat16 instructions; float32 is faster here (196 GFLOP/s in float32, 51 in bfloat16)"
)


def processor(monkeypatch, tmp_path, text):
    path = tmp_path / "cpuinfo"
    path.write_text(text)
    monkeypatch.setattr(rates, "_PROCESSOR", path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor : 0\nflags\t\t: fpu avx2 avx512f avx512_bf16 amx_tile\n", True),
        ("flags : avx2 amx_bf16\n", True),
        ("Features\t: fp asimd i8mm bf16\n", True),
        ("flags : fpu avx2 avx512f avx512_vnni\n", False),
        ("model name : one\n", None),
    ],
)
def test_instructions_are_those_that_the_system_lists(text, expected, monkeypatch, tmp_path):
    processor(monkeypatch, tmp_path, text)
    assert has_low_precision() is expected


def test_products_are_measured_in_both_precisions():
    found = measure_rates()
    assert found.float32 > 1e7
    assert found.gain == found.bfloat16 / found.float32


def test_only_a_precision_that_slows_down_is_worth_a_word(monkeypatch, tmp_path):
    processor(monkeypatch, tmp_path, "flags : avx2\n")
    assert precision_remark("mixed_bfloat16", SLOW) == SENTENCE
    assert precision_remark("mixed_bfloat16", FAST) is None
    assert precision_remark("float32", SLOW) is None
    processor(monkeypatch, tmp_path, "flags : avx512_bf16\n")
    assert precision_remark("mixed_bfloat16", SLOW).startswith("this processor is slow in bfloat16; float32 is faster")
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: ["one"] * (kind == "GPU"))
    assert precision_remark("mixed_bfloat16", SLOW) is None


@pytest.mark.thorough
def test_a_training_says_so_before_its_first_step(sample, tmp_path, monkeypatch):
    processor(monkeypatch, tmp_path, "flags : avx2\n")
    monkeypatch.setattr(rates, "measure_rates", lambda: SLOW)
    told = Messages()
    train(configure(tmp_path / "run", sample, "moe", batch_size=16, precision="mixed_bfloat16", num_steps=1), told)
    assert SENTENCE in told.lines
