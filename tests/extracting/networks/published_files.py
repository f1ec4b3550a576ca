"""The published extractor's files, in their formats and with their steps, at small size with random weights; and slow NumPy
versions of what they compute. Nothing here uses the code that it tests."""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

DEPTH = 1040
"""Values of the small Inception, where the published one has 2048; at least the 1024 that the PCA keeps."""
SOUND_DEPTH = 131
"""Values of the small VGGish, where the published one has 128."""
BN_EPSILON = 0.001


@dataclass
class Published:
    """A folder of files, and the arrays in them."""

    folder: Path
    graph: dict[str, np.ndarray]
    sound: dict[str, np.ndarray]
    pca: dict[str, np.ndarray]


def write_all(folder: Path, seed: int = 0) -> Published:
    """Writes all files; both PCAs of pictures say the same."""
    random = np.random.default_rng(seed)
    made = Published(folder, graph_arrays(random), sound_arrays(random), pca_arrays(random))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "classify_image_graph_def.pb").write_bytes(inception_graph(made.graph).SerializeToString())
    write_checkpoint(folder / "vggish_model.ckpt", made.sound)
    write_starter_pca(folder, made.pca)
    write_mediapipe_pca(folder, made.pca)
    return made


# Pictures


def graph_arrays(random) -> dict[str, np.ndarray]:
    def normal(*shape):
        return random.standard_normal(shape).astype(np.float32)

    arrays = {}
    for name, shape in {"conv": (3, 3, 3, 4), "a": (1, 1, 4, 3), "b": (3, 3, 4, 5), "mixed": (1, 1, 8, DEPTH)}.items():
        arrays[f"{name}/conv2d_params"] = normal(*shape) / np.float32(np.sqrt(np.prod(shape[:3])))
        arrays[f"{name}/beta"], arrays[f"{name}/gamma"] = normal(shape[3]), 1 + 0.1 * normal(shape[3])
        arrays[f"{name}/moving_mean"], arrays[f"{name}/moving_variance"] = (
            0.1 * normal(shape[3]),
            1 + normal(shape[3]) ** 2,
        )
    return arrays


class GraphMaker:
    """Makes nodes as they are in the published graph, whose ops TensorFlow's own functions no longer make."""

    def __init__(self):
        import tensorflow as tf

        self._tf = tf
        self.graph = tf.compat.v1.GraphDef()
        self.graph.versions.producer = 8  # BatchNormWithGlobalNormalization went with version 9

    def constant(self, name, value, dtype=None):
        node = self.node(name, "Const")
        tensor = self._tf.make_tensor_proto(value, dtype)
        node.attr["value"].tensor.CopyFrom(tensor)
        node.attr["dtype"].type = tensor.dtype
        return name

    def node(self, name, op, *inputs, **attributes):
        node = self.graph.node.add(name=name, op=op, input=inputs)
        for key, value in attributes.items():
            attribute = node.attr[key]
            if isinstance(value, bool):
                attribute.b = value
            elif isinstance(value, str):
                attribute.s = value.encode()
            elif isinstance(value, list):
                attribute.list.i.extend(value)
            elif isinstance(value, float):
                attribute.f = value
            elif isinstance(value, self._tf.DType):
                attribute.type = value.as_datatype_enum
            else:
                attribute.i = value
        return node

    def convolution(self, name, given, arrays, stride, padding):
        float32 = self._tf.float32
        names = {
            part: self.constant(f"{name}/{part}", arrays[f"{name}/{part}"])
            for part in ("conv2d_params", "moving_mean", "moving_variance", "beta", "gamma")
        }
        self.node(
            f"{name}/Conv2D",
            "Conv2D",
            given,
            names["conv2d_params"],
            T=float32,
            strides=[1, stride, stride, 1],
            padding=padding,
        )
        self.node(
            f"{name}/batchnorm",
            "BatchNormWithGlobalNormalization",
            f"{name}/Conv2D",
            *(names[part] for part in ("moving_mean", "moving_variance", "beta", "gamma")),
            T=float32,
            variance_epsilon=BN_EPSILON,
            scale_after_normalization=True,
        )
        self.node(f"{name}/CheckNumerics", "CheckNumerics", f"{name}/batchnorm", T=float32, message="")
        self.node(name, "Relu", f"{name}/CheckNumerics", T=float32)
        return name


def inception_graph(arrays):
    """A GraphDef with the published one's beginning, end and kinds of steps."""
    import tensorflow as tf

    make = GraphMaker()
    make.constant("DecodeJpeg/contents", b"", tf.string)
    make.node("DecodeJpeg", "DecodeJpeg", "DecodeJpeg/contents", channels=3, ratio=1, fancy_upscaling=True)
    make.node("Cast", "Cast", "DecodeJpeg", SrcT=tf.uint8, DstT=tf.float32)
    make.constant("ExpandDims/dim", 0, tf.int32)
    make.node("ExpandDims", "ExpandDims", "Cast", "ExpandDims/dim", T=tf.float32)
    make.constant("ResizeBilinear/size", [299, 299], tf.int32)
    make.node(
        "ResizeBilinear", "ResizeBilinear", "ExpandDims", "ResizeBilinear/size", T=tf.float32, align_corners=False
    )
    make.constant("Sub/y", 128.0)
    make.node("Sub", "Sub", "ResizeBilinear", "Sub/y", T=tf.float32)
    make.constant("Mul/y", 1 / 128)
    make.node("Mul", "Mul", "Sub", "Mul/y", T=tf.float32)
    make.convolution("conv", "Mul", arrays, 2, "VALID")
    windows = {"T": tf.float32, "ksize": [1, 3, 3, 1], "strides": [1, 2, 2, 1], "padding": "VALID"}
    make.node("pool", "MaxPool", "conv", **windows)
    make.convolution("a", "pool", arrays, 1, "SAME")
    make.convolution("b", "pool", arrays, 1, "SAME")
    make.constant("join/concat_dim", 3, tf.int32)
    make.node("join", "Concat", "join/concat_dim", "a", "b", T=tf.float32, N=2)
    make.node("pool_1", "MaxPool", "join", **windows)
    make.convolution("mixed", "pool_1", arrays, 1, "SAME")
    make.node("pool_3", "AvgPool", "mixed", T=tf.float32, ksize=[1, 36, 36, 1], strides=[1, 1, 1, 1], padding="VALID")
    make.constant("pool_3/_reshape/shape", [1, DEPTH], tf.int32)
    make.node("pool_3/_reshape", "Reshape", "pool_3", "pool_3/_reshape/shape", T=tf.float32)
    return make.graph


def slow_inception(pixels, arrays):
    """The values of one frame, float64 [DEPTH], by the steps that the published extractor is known to have."""
    hidden = (legacy_resize(pixels.astype(np.float64), 299) - 128) / 128
    hidden = slow_layer(hidden, "conv", arrays, 2, same=False)
    hidden = slow_max(hidden)
    hidden = np.concatenate([slow_layer(hidden, name, arrays, 1, same=True) for name in ("a", "b")], axis=2)
    hidden = slow_layer(slow_max(hidden), "mixed", arrays, 1, same=True)
    assert hidden.shape[:2] == (36, 36)
    return hidden.mean(axis=(0, 1))


def legacy_resize(pixels, size):
    """TensorFlow's first bilinear rule: place i is i * length / size, without half a pixel, and each edge repeats."""

    def weights(length):
        matrix = np.zeros((size, length))
        for place in range(size):
            here = place * length / size
            low = int(here)
            matrix[place, low] += 1 - (here - low)
            matrix[place, min(low + 1, length - 1)] += here - low
        return matrix

    return np.einsum("yh,hwc,xw->yxc", weights(pixels.shape[0]), pixels, weights(pixels.shape[1]), optimize=True)


def slow_layer(hidden, name, arrays, stride, same):
    kernel = arrays[f"{name}/conv2d_params"].astype(np.float64)
    size = len(kernel)
    padded = np.pad(hidden, [(size // 2, size // 2)] * 2 + [(0, 0)]) if same else hidden
    out = [(length - size) // stride + 1 for length in padded.shape[:2]]
    found = np.zeros((*out, kernel.shape[3]))
    for x, y in np.ndindex(size, size):
        found += (
            padded[x : x + out[0] * stride : stride, y : y + out[1] * stride : stride][: out[0], : out[1]]
            @ kernel[x, y]
        )
    spread = np.sqrt(arrays[f"{name}/moving_variance"] + BN_EPSILON)
    normal = (found - arrays[f"{name}/moving_mean"]) / spread
    return np.maximum(normal * arrays[f"{name}/gamma"] + arrays[f"{name}/beta"], 0)


def slow_max(hidden):
    out = [(length - 3) // 2 + 1 for length in hidden.shape[:2]]
    parts = [hidden[x : x + out[0] * 2 : 2, y : y + out[1] * 2 : 2][: out[0], : out[1]] for x, y in np.ndindex(3, 3)]
    return np.max(parts, axis=0)


# Sound

SOUND_LAYERS = {
    "conv1": (3, 3, 1, 2),
    "conv2": (3, 3, 2, 3),
    "conv3/conv3_1": (3, 3, 3, 4),
    "conv3/conv3_2": (3, 3, 4, 4),
    "conv4/conv4_1": (3, 3, 4, 5),
    "conv4/conv4_2": (3, 3, 5, 5),
    "fc1/fc1_1": (120, 16),
    "fc1/fc1_2": (16, 16),
    "fc2": (16, SOUND_DEPTH),
}


def sound_arrays(random) -> dict[str, np.ndarray]:
    arrays = {}
    for name, shape in SOUND_LAYERS.items():
        scale = np.sqrt(2 / np.prod(shape[:-1]))
        arrays[f"vggish/{name}/weights"] = (scale * random.standard_normal(shape)).astype(np.float32)
        arrays[f"vggish/{name}/biases"] = (0.1 * random.standard_normal(shape[-1])).astype(np.float32)
    return arrays


def write_checkpoint(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """A checkpoint of TensorFlow's first version, one file, as the published one."""
    import tensorflow as tf

    tf.raw_ops.Save(filename=str(path), tensor_names=list(arrays), data=list(arrays.values()))


def slow_vggish(rows, arrays):
    """The values of one second, float64 [SOUND_DEPTH], of its 96 log-mel rows."""
    hidden = rows.astype(np.float64)[:, :, None]
    for name in SOUND_LAYERS:
        kernel, bias = arrays[f"vggish/{name}/weights"].astype(np.float64), arrays[f"vggish/{name}/biases"]
        if kernel.ndim == 4:
            padded = np.pad(hidden, [(1, 1), (1, 1), (0, 0)])
            shape = hidden.shape[:2]
            hidden = sum(padded[x : x + shape[0], y : y + shape[1]] @ kernel[x, y] for x, y in np.ndindex(3, 3))
            hidden = np.maximum(hidden + bias, 0)
            if name in ("conv1", "conv2", "conv3/conv3_2", "conv4/conv4_2"):
                hidden = np.max([hidden[x::2, y::2] for x, y in np.ndindex(2, 2)], axis=0)
        else:
            hidden = hidden.reshape(-1) @ kernel + bias
            hidden = hidden if name == "fc2" else np.maximum(hidden, 0)
    return hidden


# PCA


def pca_arrays(random) -> dict[str, np.ndarray]:
    components, _ = np.linalg.qr(random.standard_normal((DEPTH, DEPTH)))
    return {
        "mean": random.random(DEPTH),
        "variances": np.sort(random.random(DEPTH))[::-1] * 1e-2,
        "components": components,
        "sound_mean": random.standard_normal(SOUND_DEPTH),
        "sound_projection": random.standard_normal((128, SOUND_DEPTH)) / 8,
    }


def write_starter_pca(folder: Path, pca) -> None:
    """Columns, as in `yt8m_pca.tgz`."""
    np.save(folder / "mean.npy", pca["mean"][:, None].astype(np.float32))
    np.save(folder / "eigenvals.npy", pca["variances"][:, None].astype(np.float32))
    np.save(folder / "eigenvecs.npy", pca["components"].astype(np.float32))


def write_mediapipe_pca(folder: Path, pca) -> None:
    """MatrixData messages, byte by byte."""
    whitening = np.sqrt(pca["variances"][:1024, None] + 1e-4)
    (folder / "inception3_mean_matrix_data.pb").write_bytes(matrix_data(pca["mean"][:, None]))
    (folder / "inception3_projection_matrix_data.pb").write_bytes(matrix_data(pca["components"][:1024] / whitening))
    (folder / "vggish_mean_matrix_data.pb").write_bytes(matrix_data(pca["sound_mean"][:, None]))
    (folder / "vggish_projection_matrix_data.pb").write_bytes(matrix_data(pca["sound_projection"], row_major=True))


def matrix_data(matrix, row_major=False, packed=True) -> bytes:
    """Fields 1 and 2: rows and columns; 3: the values, column after column unless field 4 is 1."""
    values = matrix.reshape(-1, order="C" if row_major else "F").astype("<f4")
    content = b"\x08" + varint(matrix.shape[0]) + b"\x10" + varint(matrix.shape[1])
    if packed:
        content += b"\x1a" + varint(values.nbytes) + values.tobytes()
    else:
        content += b"".join(b"\x1d" + struct.pack("<f", value) for value in values)
    return content + (b"\x20\x01" if row_major else b"")


def varint(number: int) -> bytes:
    content = b""
    while number > 127:
        content += bytes([number & 127 | 128])
        number >>= 7
    return content + bytes([number])


def slow_pca(values, pca):
    """What the starter code's extractor computes of the values of frames."""
    return (values - pca["mean"]) @ pca["components"][:1024].T / np.sqrt(pca["variances"][:1024] + 1e-4)
