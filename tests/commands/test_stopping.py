"""Signals while something is trained."""

import contextlib
import signal
import time

import pytest

from yt8m.commands import stopping, terminal
from yt8m.commands.stopping import StopRequest
from yt8m.progress import Messages


@pytest.fixture
def _hangups_count():
    """As if the tests were not run by nohup, which has them ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("_hangups_count")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_at_once_as_long_as_there_is_nothing_to_save(number):
    said, can_save = Messages(), False
    with StopRequest(lambda: can_save, said) as stop:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        can_save = True
        signal.raise_signal(number)
        assert stop.requested
        assert len(said.lines) == 1


@pytest.mark.usefixtures("_hangups_count")
def test_a_stop_that_a_library_takes_for_a_mistake_of_ours_is_one():
    def build():
        with contextlib.suppress(KeyboardInterrupt):  # as Keras does
            signal.raise_signal(signal.SIGTERM)
        raise ValueError("None values not supported.")

    with pytest.raises(KeyboardInterrupt), StopRequest(lambda: False, Messages()):
        build()


@pytest.fixture
def ended(monkeypatch):
    """The exit statuses that the process would have ended with; what is to answer signals has half a second for it."""
    statuses = []
    monkeypatch.setattr(stopping, "_SECONDS_TO_ANSWER", 0.5)
    monkeypatch.setattr(stopping.os, "_exit", statuses.append)
    return statuses


def test_signals_that_are_answered_do_nothing_more(ended):
    said = Messages()
    with StopRequest(lambda: True, said):
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        time.sleep(1.0)
    assert (len(said.lines), ended) == (1, [])


def test_a_second_signal_stops_what_does_not_answer(ended, monkeypatch):
    said = Messages()
    monkeypatch.setattr(terminal, "explain", said.message)
    with StopRequest(lambda: True, said) as stop:
        stop._writer.send(bytes([signal.SIGINT]))  # as Python does where it cannot run the handler
        wait_for(lambda: said.lines)
        assert (len(said.lines), ended) == (1, [])
        assert "Ctrl-C again to stop at once, without saving" in said.lines[0]
        stop._writer.send(bytes([signal.SIGINT]))
        wait_for(lambda: ended)
    assert (ended, said.lines[1]) == ([2], "yt8m: stopped")


def wait_for(condition) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
