"""The errors a user can cause. The command line prints them as one line and exits with status 2."""


class InputError(ValueError):
    """Something the user gave cannot be used. The message says what, where and what to do, in one line."""


class RecordError(InputError):
    """One record, or one file of records, cannot be used.

    Attributes:
        path: the file.
        record: the record's index in the file, counted from 0, or None where the whole file is meant.
        reason: what is wrong, as a clause without a full stop.
    """

    def __init__(self, path: str, record: int | None, reason: str):
        where = path if record is None else f"{path}, record {record}"
        super().__init__(f"{where}: {reason}")
        self.path, self.record, self.reason = path, record, reason
