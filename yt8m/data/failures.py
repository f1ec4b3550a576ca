"""Turns errors while TensorFlow reads a dataset of records into errors that name the file and the record."""

import contextlib
import re
import sys
from collections.abc import Iterator

from yt8m.data import locating
from yt8m.data.remedies import OF_A_RUN, Remedies, remedied
from yt8m.data.source import Source
from yt8m.data.sources import describe_error, scheme
from yt8m.errors import InputError, RecordError


@contextlib.contextmanager
def record_errors(source: Source, remedies: Remedies = OF_A_RUN) -> Iterator[None]:
    """Turns errors of a dataset, and `RepeatError`, into a `RecordError` that names the file and the record.

    Where TensorFlow's own parser reads, it says what is wrong but not where, so the files are searched for the bad record. This
    costs time only if something is wrong.

    Args:
        source: the records being read.
        remedies: the command's remedies. The default suits commands that use a trained run.
    """
    try:
        with remedied(source, remedies):
            yield
    except (*_errors("DataLossError", "InvalidArgumentError"), UnicodeDecodeError) as error:
        from yt8m.data.graph.refusals import error_message, find_refused
        from yt8m.data.handover import carried_error

        carried = carried_error(error_message(error))
        if carried:
            raise (remedies.add_to(carried) if isinstance(carried, RecordError) else carried) from error
        offset = re.search(r"record at (\d+)", error_message(error))
        byte_offset = int(offset.group(1)) if offset else None
        found = locating.locate(source.files, source.expectations, byte_offset)
        found = found or find_refused(source.files, source.expectations)
        if found:
            raise remedies.add_to(found) from error
        raise
    except _errors("NotFoundError", "PermissionDeniedError", "UnavailableError") as error:
        if "Collective" in str(error):  # another worker is gone
            raise
        raise InputError(f"reading {source.files[0]} ...: {describe_error(error)}") from error
    except _errors("InternalError", "FailedPreconditionError", "UnknownError") as error:
        if not any(map(scheme, source.files)) or not re.search(r"HTTP|Unable to perform|libcurl", str(error)):
            raise
        raise InputError(f"reading {source.files[0]} ...: {describe_error(error)}") from error


def _errors(*names: str) -> tuple[type[Exception], ...]:
    """TensorFlow's errors of these names; none where it is not loaded, as it cannot have raised one then."""
    tensorflow = sys.modules.get("tensorflow")
    return tuple(getattr(tensorflow.errors, name) for name in names) if tensorflow else ()
