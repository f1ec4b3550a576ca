"""How real values become the bytes of records, by hand-computed values and by the bias of each way."""

import numpy as np
import pytest

from yt8m.data.features import KNOWN, Feature
from yt8m.data.quantisation import dequantise, store

RGB = KNOWN["rgb"]


def test_bytes_by_hand():
    # (x + 2) * 63.75: -127.5 and -63.75 are clipped, then 0.6375, 127.5, 128.1375, 191.25, 254.3625, 255.
    values = np.array([-4.0, -3.0, -1.99, 0.0, 0.01, 1.0, 1.99, 2.0, 9.0])
    assert store(values, RGB).tolist() == [0, 0, 0, 127, 128, 191, 254, 255, 255]
    assert store(values, RGB, "nearest").tolist() == [0, 0, 1, 128, 128, 191, 254, 255, 255]
    assert store(values, RGB).dtype == np.uint8


@pytest.mark.parametrize(("rounding", "bias", "rms"), [("truncate", 0.0, 0.0045), ("nearest", 0.0078, 0.0091)])
def test_truncated_values_come_back_without_bias_and_rounded_ones_half_a_level_high(rounding, bias, rms):
    values = np.linspace(-1.99, 1.99, 100_001)
    error = dequantise(store(values, RGB, rounding), RGB) - values
    assert error.mean() == pytest.approx(bias, abs=1e-4)
    assert np.sqrt((error**2).mean()) == pytest.approx(rms, abs=1e-4)


def test_other_ranges_and_floats():
    assert store(np.array([-5.0, 1.0, 7.0]), Feature("own", 3, "uint8", -5.0, 7.0)).tolist() == [0, 127, 255]
    halves = store(np.array([0.1, 70_000.0]), Feature("own", 2, "float32"))
    assert halves.dtype == np.float32
    assert halves.tolist() == [np.float32(0.1), 70_000.0]
