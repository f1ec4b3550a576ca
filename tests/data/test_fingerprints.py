"""Fingerprints against TensorFlow's."""

import numpy as np
import pytest
import tensorflow as tf

from yt8m.data.fingerprints import fingerprint


@pytest.mark.parametrize(("shortest", "longest"), [(0, 3), (4, 7), (8, 16), (17, 32), (33, 64), (65, 130), (131, 700)])
def test_fingerprints_are_tensorflows(shortest, longest):
    generator = np.random.default_rng(longest)
    lengths = [*range(shortest, longest + 1), *generator.integers(shortest, longest + 1, 3000)]
    texts = [generator.bytes(length) for length in lengths]
    # As a bucket of the largest possible number, the fingerprint is cut by little; the other numbers see its lowest bits.
    found = [fingerprint(text) for text in texts]
    assert max(found) < 1 << 64
    for count in (2**63 - 1, 2**62 + 1, 1 << 40, 5):
        expected = tf.strings.to_hash_bucket_fast(texts, count).numpy().tolist()
        assert [each % count for each in found] == expected
    if shortest:
        assert len(set(found)) == len(set(texts))


def test_fingerprint_of_nothing():
    # FarmHash's constant k2, which it gives for no bytes.
    assert fingerprint(b"") == 0x9AE16A3B2F90404F
