"""Which pictures are nearest, and which packets may hold them, for random times against a search over all."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from yt8m.video.seconds import Lookahead, Picture, WholeSeconds

TICK = Fraction(1, 8)
steps = st.lists(st.integers(1, 30), min_size=1, max_size=200)


def nearest(times: list[int], second: int) -> int:
    """The slow way; the earlier of two."""
    return min(times, key=lambda time: abs(time * TICK - second))


@given(steps, st.integers(1, 20))
def test_the_nearest_picture_is_chosen(gaps, last):
    times = [0, *np.cumsum(gaps).tolist()]
    seconds, chosen = WholeSeconds(TICK), []
    for time in times:
        chosen += seconds.push(Picture(None, time))
    chosen += seconds.finish(times[-1] + last)
    assert [second for second, _ in chosen] == list(range(len(chosen)))
    assert len(chosen) == -(-(times[-1] + last) * TICK // 1)
    assert [picture.ticks for _, picture in chosen] == [nearest(times, second) for second, _ in chosen]


@given(steps, st.integers(0, 10**9), st.randoms(use_true_random=False))
def test_no_packet_that_is_chosen_is_left_out(gaps, zero, random):
    """Packets come out of order by up to 16 places; those left out are nearest to no second."""
    times = [0, *np.cumsum(gaps).tolist()]
    order = sorted(range(len(times)), key=lambda place: place + random.randrange(16))
    packets = [SimpleNamespace(pts=zero + times[place], is_discard=False) for place in order]
    lookahead, told = Lookahead(TICK, zero), []
    for packet in packets:
        told += lookahead.push(packet)
    told += lookahead.finish()
    assert [packet for packet, _ in told] == packets
    needed = {packet.pts - zero for packet, needed in told if needed}
    assert needed >= {nearest(times, second) for second in range(int(times[-1] * TICK) + 2)}


def test_most_packets_can_be_left_out():
    lookahead, told = Lookahead(Fraction(1, 25), 0), []
    for number in range(250):
        told += lookahead.push(SimpleNamespace(pts=number, is_discard=False))
    told += lookahead.finish()
    # Each second needs one and, with its neighbours, three; so does the last.
    assert [packet.pts for packet, needed in told if needed] == sorted(
        {0, 1, 249, 248} | {25 * second + near for second in range(1, 10) for near in (-1, 0, 1)}
    )


def test_packets_without_a_time_are_needed():
    lookahead = Lookahead(TICK, 0)
    packets = [SimpleNamespace(pts=None, is_discard=False) for _ in range(100)]
    told = [each for packet in packets for each in lookahead.push(packet)] + list(lookahead.finish())
    assert all(needed for _, needed in told)
