"""What a person sees meanwhile."""

import io
import sys

from yt8m import terminal


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_is_there_while_something_is_done(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    seen = sys.stderr.getvalue
    advance = terminal.share_progress("compressing", "B")
    assert seen() == ""  # what fails before is a line of its own
    advance(0, 4_000_000)
    assert "compressing:   0%" in seen()
    assert "0.00/4.00M" in seen()
    advance(4_000_000, 4_000_000)
    assert seen().rpartition("\r")[2].strip() == ""
    assert not seen().endswith("\n")


def test_no_bar_is_drawn_where_nobody_looks(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    terminal.share_progress("compressing", "B")(1, 2)
    assert sys.stderr.getvalue() == ""
