#!/usr/bin/env bash
# An old frozen graph that a Session runs is refused as a function of TensorFlow 2: functions forget the version of their graph.
#
# Guessed: a graph says which version it was made by (versions.producer), and TensorFlow goes by it, however the graph is imported.
# Happened: in a Graph with a Session, producer 8 is kept, and an op that went with version 9 (BatchNormWithGlobalNormalization)
#   works. By way of tf.compat.v1.wrap_function or tf.function the same graph is imported, also with producer 8 in its FuncGraph, and
#   the call is an UnimplementedError, "not available in GraphDef version" of today. A FunctionDef has no field for a version, so
#   functions run with that of today.
# Versions: TensorFlow 2.21.0, protobuf 7.36.2, Python 3.11. TensorFlow 2.16.2 does the same.
# Why it matters: wrap_function is the way that TensorFlow's guides show for frozen graphs. The Inception of 2015, which made the
#   frame features of YouTube-8M, is one with just this op; it needs a Graph and a Session of its own, or the op replaced.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 protobuf==7.36.2
cat >"$place/look.py" <<'END'
import numpy as np
import tensorflow as tf

GIVEN = np.array([[[[1, 2], [3, 5]]]], np.float32)
EXPECTED = np.array([[[[0, 1], [1, 2]]]], np.float32)  # (given - mean) / sqrt(variance) + beta


def frozen(producer):
    graph = tf.compat.v1.GraphDef()
    graph.versions.producer = producer
    graph.node.add(name="given", op="Placeholder").attr["dtype"].type = tf.float32.as_datatype_enum
    parts = {"mean": [1, 2], "variance": [4, 9], "beta": [0, 1], "gamma": [1, 1]}
    for name, values in parts.items():
        node = graph.node.add(name=name, op="Const")
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values, tf.float32))
        node.attr["dtype"].type = tf.float32.as_datatype_enum
    node = graph.node.add(name="found", op="BatchNormWithGlobalNormalization", input=["given", *parts])
    node.attr["T"].type = tf.float32.as_datatype_enum
    node.attr["variance_epsilon"].f = 0
    node.attr["scale_after_normalization"].b = False
    return graph


def by_session(graph):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.import_graph_def(graph, name="")
        return session.run("found:0", {"given:0": GIVEN})


def by_wrap_function(graph):
    wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
    assert wrapped.graph.graph_def_versions.producer == 8
    return wrapped.prune("given:0", "found:0")(tf.constant(GIVEN)).numpy()


def by_function(graph):
    return tf.function(lambda given: tf.import_graph_def(graph, {"given": given}, ["found:0"])[0])(tf.constant(GIVEN)).numpy()


print("TensorFlow", tf.__version__, "version of graphs:", tf.version.GRAPH_DEF_VERSION)
assert "versions" not in {field.name for field in type(tf.compat.v1.GraphDef().library.function.add()).DESCRIPTOR.fields}
for run in (by_session, by_wrap_function, by_function):
    try:
        found = run(frozen(producer=8))
    except tf.errors.UnimplementedError as error:
        reason = error.message.partition("Op ")[2].partition(". Use")[0]
        print(f"{run.__name__}: refused, {reason}")
        assert run is not by_session and f"not available in GraphDef version {tf.version.GRAPH_DEF_VERSION}" in reason
    else:
        print(f"{run.__name__}: {found.tolist()}")
        assert run is by_session and np.array_equal(found, EXPECTED), "functions keep the version now"
END
cd "$place" && TF_CPP_MIN_LOG_LEVEL=3 venv/bin/python look.py
