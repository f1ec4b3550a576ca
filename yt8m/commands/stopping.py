"""Handles Ctrl-C and other signals during training."""

import contextlib
import math
import os
import signal
import socket
import threading
import time
from collections.abc import Callable

from yt8m.commands.streams import leave_closed_terminal
from yt8m.errors import USER_ERROR
from yt8m.progress import Progress

_SECONDS_TO_ANSWER = 5.0
"""A call into TensorFlow takes about a second, except when it compiles or waits for input."""

_SECONDS_TO_HEAR = 1.0
"""How much later than the main thread another thread may notice a signal."""


class StopRequest:
    """Notes Ctrl-C, SIGTERM and a closed terminal for the training loop to ask about; a second Ctrl-C stops at once.

    Python handles signals only between its own instructions. The loop may wait inside TensorFlow for ever, such as for a data
    service that is gone. Therefore a separate thread notices the signals, too.

    Args:
        can_save: whether there is something to save yet. Until there is, the first signal stops at once.
        progress: gets a line that says what the signal does.
    """

    def __init__(self, can_save: Callable[[], bool], progress: Progress):
        self._can_save, self._progress = can_save, progress
        self.requested = False
        self._saving = self._raised = False
        self._answered = -math.inf
        self._is_over = False

    def __enter__(self):
        reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._wakeup_before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._hear, args=(reader,), daemon=True).start()
        self._before = {
            number: signal.signal(number, self._handle)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN  # nohup
        }
        return self

    def __exit__(self, kind, error, _):
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        self._is_over = True
        self._writer.close()
        if self._raised and isinstance(error, Exception):  # Keras turns an exception inside it into a layer's
            raise KeyboardInterrupt from error

    def _hear(self, reader: socket.socket) -> None:
        """Calls `_look` a little after every signal."""
        heard = 0
        with reader:
            while number := reader.recv(1):
                if number[0] in self._before:
                    heard += 1
                    later = threading.Timer(_SECONDS_TO_ANSWER, self._look, (number[0], time.monotonic(), heard > 1))
                    later.daemon = True
                    later.start()

    def _look(self, number: int, arrived: float, is_second: bool) -> None:
        """Does the work of `_handle` if the loop waits inside TensorFlow."""
        if self._is_over or self._answered >= arrived - _SECONDS_TO_HEAR:
            return
        if is_second and number == signal.SIGINT:
            from yt8m.commands.terminal import explain

            explain("yt8m: stopped")
            os._exit(USER_ERROR)
        self._progress.message(
            "\nstopping after this step, which waits for TensorFlow or for input "
            "(Ctrl-C again to stop at once, without saving)"
        )

    def _handle(self, number, frame):
        self._answered = time.monotonic()
        if number == signal.SIGHUP:
            leave_closed_terminal()
        self.requested = True  # set even if this raises: an exception raised during a callback is lost
        if not self._can_save() or (self._saving and number == signal.SIGINT):
            self._raised = True
            raise KeyboardInterrupt
        self._saving = True
        with contextlib.suppress(OSError):  # the reader may be gone; saving must go on
            self._progress.message("\nstopping: saving a checkpoint first (Ctrl-C again to stop at once)")
