"""The matrices of published PCAs: NumPy's files, and MediaPipe's MatrixData messages. D = values in, K = values out."""

from pathlib import Path

import numpy as np

from yt8m.errors import InputError
from yt8m.extracting.networks.projections import Projection

_EPSILON = 1e-4
"""What the starter code adds to the variances."""


def read_array(path: Path, ndim: int) -> np.ndarray:
    """An array of numbers of a .npy file, without unpickling anything.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    try:
        found = np.load(path, allow_pickle=False)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, EOFError) as error:
        raise InputError(f"{path}: is no .npy file of numbers, or damaged ({error}); fetch it again") from error
    if not isinstance(found, np.ndarray) or found.ndim != ndim or found.dtype.kind != "f":
        raise InputError(f"{path}: does not hold floats in {ndim} dimensions; fetch it again")
    return found


def read_matrix_data(path: Path) -> np.ndarray:
    """The matrix of a MatrixData message, float32 [rows, columns].

    The message has fields `rows` (1), `cols` (2), `packed_data` (3, floats) and `layout` (4; 0 = column after column, which
    is the default, 1 = row after row).

    Raises:
        InputError: the file cannot be read, or is no such message.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    message = _message()()
    try:
        message.ParseFromString(content)
    except Exception as error:  # of protobuf, whose class depends on its version
        raise InputError(f"{path}: is no MatrixData message, or damaged; fetch it again") from error
    values = np.array(message.packed_data, np.float32)
    if (
        message.rows < 1
        or message.cols < 1
        or len(values) != message.rows * message.cols
        or message.layout not in (0, 1)
    ):
        raise InputError(
            f"{path}: has {len(values)} values for {message.rows} rows and {message.cols} columns; fetch it again"
        )
    return values.reshape((message.rows, message.cols), order="F" if message.layout == 0 else "C")


def _message() -> type:
    """The class of MatrixData messages, from a description, as `yt8m.data.protos` makes those of records."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="yt8m/matrix_data.proto", package="yt8m.matrices", syntax="proto2")
    described = file.message_type.add(name="MatrixData")
    kinds = descriptor_pb2.FieldDescriptorProto
    for number, (name, kind) in enumerate(
        [
            ("rows", kinds.TYPE_INT32),
            ("cols", kinds.TYPE_INT32),
            ("packed_data", kinds.TYPE_FLOAT),
            ("layout", kinds.TYPE_INT32),
        ],
        start=1,
    ):
        label = kinds.LABEL_REPEATED if name == "packed_data" else kinds.LABEL_OPTIONAL
        described.field.add(name=name, number=number, type=kind, label=label)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("yt8m.matrices.MatrixData"))


def starter_projection(mean: Path, variances: Path, components: Path, most: int) -> Projection:
    """The PCA of the starter code's extractor: (x - mean) @ components.T / sqrt(variances + 1e-4).

    Args:
        mean: `mean.npy`, [D, 1].
        variances: `eigenvals.npy`, [components, 1].
        components: `eigenvecs.npy`, [components, D].
        most: components that are taken, 1024.

    Raises:
        InputError: a file cannot be read, or they do not fit each other.
    """
    centre, scale, rows = read_array(mean, 2), read_array(variances, 2), read_array(components, 2)
    fits = centre.shape == (rows.shape[1], 1) and scale.shape[1] == 1 and min(len(rows), len(scale)) >= most
    if not fits:
        sizes = ", ".join(f"{path.name} {list(array.shape)}" for path, array in _pairs(mean, centre, variances, scale))
        raise InputError(f"{components}: has {list(rows.shape)} values, which do not fit {sizes}; fetch them again")
    matrix = rows[:most].T.astype(np.float64) / np.sqrt(scale[:most, 0].astype(np.float64) + _EPSILON)
    return _checked(Projection(centre[:, 0].astype(np.float32), matrix.astype(np.float32)), components)


def _pairs(*given):
    return zip(given[::2], given[1::2], strict=True)


def mediapipe_projection(mean: Path, projection: Path) -> Projection:
    """The PCA of MediaPipe's extractor: projection @ (x - mean); the whitening is in the projection.

    Args:
        mean: a MatrixData file, [D, 1].
        projection: a MatrixData file, [K, D].

    Raises:
        InputError: a file cannot be read, or they do not fit each other.
    """
    centre, rows = read_matrix_data(mean), read_matrix_data(projection)
    if centre.shape != (rows.shape[1], 1):
        raise InputError(
            f"{projection}: has {list(rows.shape)} values, which do not fit {mean.name} {list(centre.shape)}; fetch them again"
        )
    return _checked(Projection(centre[:, 0], np.ascontiguousarray(rows.T)), projection)


def _checked(projection: Projection, path: Path) -> Projection:
    if not (np.isfinite(projection.mean).all() and np.isfinite(projection.matrix).all()):
        raise InputError(f"{path}: it or its mean has NaN or infinite values; fetch them again")
    return projection
