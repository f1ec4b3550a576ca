"""Too little memory, however TensorFlow says it."""

import pytest
import tensorflow as tf

from yt8m.distribution.exhaustion import memory_errors
from yt8m.errors import InputError


def refusal(work) -> str:
    with pytest.raises(InputError) as caught, memory_errors("training", "lower it"):
        work()
    return str(caught.value)


def raising(error):
    def work():
        raise error

    return work


def test_tensors_that_no_memory_holds():
    wanting = "training: memory did not suffice for float [1000000000, 1000000000]; lower it"
    assert refusal(lambda: tf.ones([10**9, 10**9])) == wanting
    assert refusal(lambda: tf.zeros([2**40, 2**40])) == "training: memory did not suffice; lower it"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("std::bad_alloc"),
        tf.errors.InternalError(None, None, "Failed to allocate 12884901888 bytes"),
        tf.errors.InternalError(None, None, "CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
        tf.errors.UnknownError(None, None, "Dst tensor is not initialized."),
    ],
)
def test_other_words_for_it(error):
    assert refusal(raising(error)) == "training: memory did not suffice; lower it"


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.ResourceExhaustedError(None, None, "checkpoint: No space left on device"),
        tf.errors.InvalidArgumentError(None, None, "Incompatible shapes: [2] vs. [3]"),
        ValueError("room"),
        InputError("out of memory, says a record"),
    ],
)
def test_what_is_no_want_of_memory_passes(error):
    with pytest.raises(type(error)) as caught, memory_errors("training", "lower it"):
        raise error
    assert caught.value is error
