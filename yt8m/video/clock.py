"""Mends time stamps that jump, as where two recordings of a broadcast were joined to one file."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet

_MAY_JUMP = 0x200
"""FFmpeg's flag of formats whose time stamps may start anew within a file, AVFMT_TS_DISCONT."""
_MOST_FORWARD, _MOST_BACK = 10.0, 0.1
"""Seconds from a packet to the next one of its stream, as in the ffmpeg program."""


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
        self._due: dict[int, float] = {}
        self.num_jumps = 0

    def mend(self, packet: "Packet") -> None:
        """Changes the time stamps of a packet if they jump; packets come in the order of the file."""
        if not self.may_jump or packet.dts is None:
            return
        index, tick = packet.stream_index, float(packet.time_base)
        time, due = packet.dts * tick + self._shift, self._due.get(index)
        if due is not None and not -_MOST_BACK <= time - due <= _MOST_FORWARD:
            self._shift += due - time
            self.num_jumps += 1
            time = due
        self._due[index] = time + (packet.duration or 0) * tick
        if self._shift:
            ticks = round(self._shift / tick)
            packet.dts += ticks
            if packet.pts is not None:
                packet.pts += ticks
