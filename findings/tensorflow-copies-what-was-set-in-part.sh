#!/usr/bin/env bash
# Setting some rows of a TensorFlow variable makes every later read of it a copy of the whole, for as long as the variable lives.
#
# Guessed: `variable[first:last].assign(rows)` is the way to fill a large variable with little memory. Reads stay free afterwards,
#   as they are for a variable that was set as a whole.
# Happened: reads share the variable's memory before. After one row was set, each read takes as much memory again, in eager code and
#   in a compiled function. Setting the whole variable anew does not end it.
# Versions: tensorflow 2.21.0 and 2.16.2, Python 3.11.
# Why it matters: a table of half a million vectors (2.3 GB) was filled by rows, and then took 2.3 GB and the time of a copy for each
#   batch that was compared with it. Several smaller variables, each set as a whole, have neither.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0
cd "$place"
cat > reads.py <<'END'
import re

import tensorflow as tf

ROWS, COLUMNS = 200_000, 256
table = tf.Variable(tf.ones([ROWS, COLUMNS]))  # 205 MB
some = tf.ones([8, COLUMNS])


@tf.function
def products():
    return tf.reduce_max(tf.matmul(some, table, transpose_b=True))


def peak_of(function):
    """MB that a call takes beyond what the process has. Memory of earlier calls may be used again, so each counts once."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak counts from here
    before = status("VmRSS")
    function()
    return status("VmHWM") - before


def status(name):
    with open("/proc/self/status") as file:
        return int(re.search(rf"{name}:\s+(\d+)", file.read())[1]) // 1024


def shown(when):
    taken = peak_of(products)
    first, second = (table.read_value() for _ in range(2))
    shared = first.__array__().ctypes.data == second.__array__().ctypes.data
    print(f"{when}: {taken} MB more, two reads share their memory: {shared}", flush=True)
    return taken, shared


products()  # compiles it
fresh = shown("set as a whole")
table[3:4].assign(tf.ones([1, COLUMNS]))
in_part = shown("one row set")
table.assign(tf.ones([ROWS, COLUMNS]))
again = shown("set as a whole again")
assert fresh[0] < 60 and fresh[1], fresh
assert in_part[0] > 150 and not in_part[1], in_part
assert not again[1], again
END
TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=-1 venv/bin/python reads.py 2> log || { cat log; exit 1; }
