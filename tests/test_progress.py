"""Who watches work: `yt8m.progress`."""

import inspect

import pytest

from yt8m.progress import SILENT, Messages, Progress, Remarks

EVENTS = {
    "message": ("a line",),
    "start": ("evaluating", "video", 0, 9),
    "advance": (3, 9),
    "note": ("3 of 9 videos",),
    "end": (),
    "training_started": (None, 5),
    "steps_done": (6, 0.5, 100.0),
    "validated": (6, {"gap": 0.5}, True),
    "trials_updated": ([], 9, 100),
    "trial_ended": (None,),
}


class Log(Progress):
    """Notes every event."""

    def __init__(self):
        self.seen = []


for _name in EVENTS:
    setattr(Log, _name, lambda self, *arguments, _name=_name: self.seen.append((_name, *arguments)))


def test_every_event_does_nothing_unless_it_is_defined():
    methods = {name for name, _ in inspect.getmembers(Progress, inspect.isfunction) if not name.startswith("_")}
    assert methods == {*EVENTS, "working"}
    for name, arguments in EVENTS.items():
        assert getattr(SILENT, name)(*arguments) is None


def test_a_piece_of_work_ends_also_where_it_fails():
    log = Log()
    with log.working("copying", "record", total=2):
        log.advance(1)
    with pytest.raises(KeyboardInterrupt), log.working("copying", "record", 1):
        raise KeyboardInterrupt
    assert log.seen == [
        ("start", "copying", "record", 0, 2),
        ("advance", 1),
        ("end",),
        ("start", "copying", "record", 1, None),
        ("end",),
    ]


def test_remarks_are_messages_alone_and_each_comes_once():
    log = Log()
    remarks = Remarks(log)
    for text in ("a", "b", "a"):
        remarks.message(text)
    for name in EVENTS.keys() - {"message"}:
        getattr(remarks, name)(*EVENTS[name])
    Remarks(log).message("a")
    assert log.seen == [("message", "a"), ("message", "b"), ("message", "a")]


def test_messages_are_kept_in_their_order():
    messages = Messages()
    for text in ("a", "b", "a"):
        messages.message(text)
    assert messages.lines == ["a", "b", "a"]
