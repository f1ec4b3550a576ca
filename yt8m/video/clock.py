"""Mends time stamps that jump, as where two recordings of a broadcast were joined to one file."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet

_MAY_JUMP = 0x200
"""FFmpeg's flag of formats whose time stamps may start anew within a file, AVFMT_TS_DISCONT."""
_MOST_FORWARD, _MOST_BACK = 10.0, 0.5
"""Seconds from when a packet is due to its time. Sound may end later than the pictures of a recording; that is no jump."""


class Clock:
    """Shifts the time stamps of packets so that a jump becomes a step. It changes nothing in formats without jumps.

    All streams are shifted by the same time, so pictures and sound stay in line.

    Attributes:
        may_jump: whether the format allows jumps.
        num_jumps: jumps that were mended, each stream's.
    """

    def __init__(self, container: "InputContainer"):
        self.may_jump = bool(container.format.flags & _MAY_JUMP)
        self._shift = 0.0
        self._last: dict[int, float] = {}
        self._steps: dict[int, float] = {}
        self.num_jumps = 0

    def mend(self, packet: "Packet") -> None:
        """Changes the time stamps of a packet if they jump; packets come in the order of the file."""
        if not self.may_jump or packet.dts is None:
            return
        index, tick = packet.stream_index, float(packet.time_base)
        time, last = packet.dts * tick + self._shift, self._last.get(index)
        if last is not None:
            late = time - last - self._steps.get(index, 0.0)
            if not -_MOST_BACK <= late <= _MOST_FORWARD:
                self._shift -= late
                self.num_jumps += 1
                time -= late
            else:
                self._steps[index] = time - last
        if packet.duration:
            self._steps[index] = packet.duration * tick
        self._last[index] = time
        if self._shift:
            ticks = round(self._shift / tick)
            packet.dts += ticks
            if packet.pts is not None:
                packet.pts += ticks
