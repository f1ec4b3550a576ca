"""The plan of a whole split on simulated workers of unequal speed, some of them killed; the table goes into docs/benchmarks.md.

The pieces are those of `yt8m.cluster.plan` for 3844 files of 1000 records whose sizes are drawn as a split's are distributed. A
worker takes the next piece when it has none. A killed one comes again, and its piece is begun anew by another. Where the rest
of a piece may be taken over, as Dataflow does it with a splittable reader, an idle worker takes half of what the piece that would
end last has left.
"""

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks import documents
from benchmarks.sizes import parser_of, sized
from yt8m.cluster.plan import PIECE_BYTES, Piece, divide

NUM_FILES, RECORDS_A_FILE = sized((3844, 1000), (60, 1000))
SECONDS_A_VIDEO = 1.0
"""Of a core of speed 1: an ensemble of large models without a GPU."""
SECONDS_A_PIECE = 0.5
"""To open a file and go to a place in it, whatever the speed."""
SECONDS_TO_NOTICE, SECONDS_TO_COME_AGAIN = 20.0, 60.0
"""Until another worker gets the piece of a killed one, and until that one is there again."""
NUM_WORKERS = sized((100, 1000, 10_000), (20, 200))
SHARE_KILLED = 0.05
SMALL_PIECE_BYTES = 4 << 20
"""For runners that let nobody take over the rest of a piece."""
SEED = 0


@dataclass(frozen=True)
class Outcome:
    """How a simulated job went."""

    seconds: float
    """Until the last piece was done."""
    ideal: float
    """The records' time, shared out to all workers by their speeds, as if none was killed and nothing else took time."""
    records_done: int
    num_killed: int
    """Workers that were killed at work."""
    records_lost: int
    """Records that were done and lost with a worker."""

    @property
    def ratio(self) -> float:
        """Of the time to the ideal."""
        return self.seconds / self.ideal


def pieces_of_split(num_files: int, records: int, piece_bytes: int = PIECE_BYTES, seed: int = SEED) -> list[Piece]:
    """The pieces of files of frame-level records: videos of 120 to 300 s, of 1152 bytes a second and some more."""
    random, pieces = np.random.default_rng(seed), []
    for number in range(num_files):
        sizes = random.integers(120, 301, records) * (1152 + 12) + 300
        places, size = np.cumsum([0, *sizes[:-1]]).tolist(), int(sizes.sum())
        whole = Piece(number, 0, f"train{number:04d}.tfrecord", 0, records, size)
        pieces += divide(whole, size, ((place, False) for place in places), piece_bytes)
    return pieces


@dataclass
class _Running:
    """A piece at work."""

    worker: int
    begun: float
    records: int
    seconds_a_record: float

    @property
    def end(self) -> float:
        return self.begun + SECONDS_A_PIECE + self.records * self.seconds_a_record

    def done(self, now: float) -> int:
        """Whole records that are done."""
        return min(self.records, max(0, int((now - self.begun - SECONDS_A_PIECE) / self.seconds_a_record)))


class Simulation:
    """A job.

    Args:
        pieces: records of each piece, in the order in which they are given out.
        speeds: of the workers.
        killed: when each worker is killed; infinity = never.
        takes_over: whether an idle worker takes over half of the rest of another's piece.
    """

    def __init__(self, pieces: Sequence[int], speeds: np.ndarray, killed: np.ndarray, takes_over: bool):
        self._total, self._speeds, self._takes_over = sum(pieces), speeds, takes_over
        self._waiting = list(reversed(pieces))
        self._running: dict[int, _Running] = {}
        self._events: list[tuple[float, int, str, int]] = []
        self._numbers = itertools.count()
        self._idle: set[int] = set()
        self._ends: list[tuple[float, int, _Running]] = []
        """What is at work, and was, the last end first."""
        self._done = self._lost = self._num_killed = 0
        for worker in range(len(speeds)):
            self._at(0.0, "comes", worker)
            if np.isfinite(killed[worker]):
                self._at(float(killed[worker]), "dies", worker)

    def _at(self, time: float, what: str, value: int) -> None:
        heapq.heappush(self._events, (time, next(self._numbers), what, value))

    def run(self) -> Outcome:
        """Goes from event to event until all records are done."""
        now = 0.0
        while self._done < self._total:
            now, _, what, value = heapq.heappop(self._events)
            if what == "comes":
                self._give(value, now)
            elif what == "dies":
                self._kill(value, now)
            elif what == "again":
                self._waiting.append(value)
                for worker in sorted(self._idle)[:1]:
                    self._give(worker, now)
            else:  # the end of a piece, unless it was cut or its worker killed meanwhile
                running = self._running.get(value)
                if running and running.end <= now:
                    self._done += running.records
                    del self._running[value]
                    self._give(value, now)
        ideal = self._total * SECONDS_A_VIDEO / self._speeds.sum()
        return Outcome(now, float(ideal), self._done, self._num_killed, self._lost)

    def _give(self, worker: int, now: float) -> None:
        """Gives a worker its next piece."""
        self._idle.discard(worker)
        records = self._waiting.pop() if self._waiting else self._taken_over(now) if self._takes_over else 0
        if not records:
            self._idle.add(worker)
            return
        self._begin(worker, now, records)

    def _begin(self, worker: int, now: float, records: int) -> None:
        self._running[worker] = _Running(worker, now, records, SECONDS_A_VIDEO / self._speeds[worker])
        self._expect(self._running[worker])

    def _expect(self, running: _Running) -> None:
        """Notes when a piece will end."""
        self._at(running.end, "ends", running.worker)
        heapq.heappush(self._ends, (-running.end, next(self._numbers), running))

    def _taken_over(self, now: float) -> int:
        """Takes half of the rest of the piece that would end last, if that saves time. Returns the records."""
        while self._ends and (self._running.get(self._ends[0][2].worker), -self._ends[0][0]) != (
            self._ends[0][2],
            self._ends[0][2].end,
        ):
            heapq.heappop(self._ends)
        if not self._ends or self._ends[0][2].end - now < 4 * SECONDS_A_PIECE:
            return 0
        last = heapq.heappop(self._ends)[2]
        done = last.done(now)
        kept = done + -(-(last.records - done) // 2)
        taken, last.records = last.records - kept, kept
        self._expect(last)
        return taken

    def _kill(self, worker: int, now: float) -> None:
        running = self._running.pop(worker, None)
        self._idle.discard(worker)
        if running:
            self._num_killed += 1
            self._lost += running.done(now)
            self._at(now + SECONDS_TO_NOTICE, "again", running.records)
        self._at(now + SECONDS_TO_COME_AGAIN, "comes", worker)


def simulate(pieces: Sequence[int], num_workers: int, share_killed: float, takes_over: bool) -> Outcome:
    """Simulates a job on workers whose speeds are between about half and twice the usual one; see `Simulation`."""
    random = np.random.default_rng((SEED, num_workers))
    speeds = np.exp(np.clip(random.normal(0, 0.25, num_workers), -0.7, 0.7))
    usual = sum(pieces) * SECONDS_A_VIDEO / speeds.sum()
    killed = np.where(random.random(num_workers) < share_killed, random.uniform(0, usual, num_workers), np.inf)
    return Simulation(pieces, speeds, killed, takes_over).run()


def table() -> str:
    """The table of docs/benchmarks.md."""
    pieces = [piece.records or 0 for piece in pieces_of_split(NUM_FILES, RECORDS_A_FILE)]
    small = [piece.records or 0 for piece in pieces_of_split(NUM_FILES, RECORDS_A_FILE, SMALL_PIECE_BYTES)]
    whole = [RECORDS_A_FILE] * NUM_FILES
    kinds = {
        "whole files": (whole, False),
        f"pieces of {PIECE_BYTES >> 20} MB": (pieces, False),
        f"pieces of {SMALL_PIECE_BYTES >> 20} MB": (small, False),
        f"pieces of {PIECE_BYTES >> 20} MB, rests taken over": (pieces, True),
    }
    rows = []
    for number, (name, (work, takes_over)), killed in itertools.product(
        NUM_WORKERS, kinds.items(), (0.0, SHARE_KILLED)
    ):
        found = simulate(work, number, killed, takes_over)
        cells = f"{number:,}", name, f"{found.num_killed:,}", f"{found.ideal:,.0f}", f"{found.seconds:,.0f}"
        lost = f"{found.records_lost / found.num_killed:.0f}" if found.num_killed else "-"
        rows.append([*cells, f"{found.ratio:.2f}", lost])
    header = [
        "workers",
        "given out",
        "killed",
        "ideal, s",
        "job, s",
        "job / ideal",
        "videos lost by one that is killed",
    ]
    counts = f"{len(whole):,} files, {len(pieces):,} or {len(small):,} pieces"
    about = f"{sum(pieces):,} videos of {SECONDS_A_VIDEO:.0f} s in {counts}."
    return f"{documents.table(header, rows)}\n\n{about}"


if __name__ == "__main__":
    parser_of("benchmarks.cluster_plan", __doc__).parse_args()
    documents.write("cluster plan", table())
