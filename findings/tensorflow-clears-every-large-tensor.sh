#!/usr/bin/env bash
# Without oneDNN, TensorFlow takes every large tensor from the system anew, which clears it page by page; with it, it does not.
#
# Guessed: a training step that repeats uses the memory of the step before, so page faults end after the first steps. oneDNN only
#   changes how products are computed.
# Happened: with TF_ENABLE_ONEDNN_OPTS=0, each step of a classifier of 40 000 outputs has 25 000 page faults for ever: malloc gives
#   back at once what is larger than 32 MB. With 1, TensorFlow has another allocator, which keeps it: 1 400.
# Versions: tensorflow 2.21.0, Python 3.11, glibc 2.36.
# Why it matters: 1 is the default only where a processor has AVX-512. Elsewhere a step with a large head took 1.3 to 2 times the CPU
#   time, a fifth of it in the system. The variable must be set before TensorFlow is imported. Benchmarks on different processors
#   compare allocators unless they set it.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0
cd "$place"
cat > step.py <<'END'
import resource

import tensorflow as tf

weights = tf.Variable(tf.random.normal([500, 40_000]))  # 80 MB
inputs = tf.random.normal([64, 500])


@tf.function
def step():
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(inputs @ weights))
    weights.assign_sub(1e-3 * tape.gradient(loss, weights))
    return loss


def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


for _ in range(3):
    step().numpy()
before = faults()
for _ in range(10):
    step().numpy()
print((faults() - before) // 10)
END
for set in 0 1; do
    TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=-1 TF_ENABLE_ONEDNN_OPTS=$set venv/bin/python step.py > "faults-$set" 2> log || { cat log; exit 1; }
    echo "TF_ENABLE_ONEDNN_OPTS=$set: $(cat "faults-$set") page faults a step"
done
test "$(cat faults-0)" -gt 10000
test "$(cat faults-1)" -lt "$(($(cat faults-0) / 5))"
