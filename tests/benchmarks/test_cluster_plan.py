"""The simulated cluster: cases by hand, and the whole split on workers of unequal speed, of which some are killed."""

import math

import numpy as np
import pytest

from benchmarks.cluster_plan import (
    SECONDS_A_PIECE,
    SECONDS_A_VIDEO,
    SECONDS_TO_NOTICE,
    Outcome,
    Simulation,
    pieces_of_split,
    simulate,
)

NEVER = math.inf


def run(pieces, speeds, killed=(NEVER, NEVER), takes_over=False) -> Outcome:
    return Simulation(pieces, np.array(speeds), np.array(killed), takes_over).run()


def test_pieces_go_to_whoever_is_free_first():
    # The first worker does one piece of ten; the second, three times as fast, the two others.
    found = run([10, 15, 15], (1.0, 3.0))
    assert found.seconds == pytest.approx(2 * (SECONDS_A_PIECE + 5 * SECONDS_A_VIDEO))
    assert found.ideal == 40 * SECONDS_A_VIDEO / 4
    assert (found.records_done, found.records_lost, found.num_killed) == (40, 0, 0)


def test_the_piece_of_a_killed_worker_is_begun_anew_by_another():
    # Killed after five records and a bit; the other is idle then, and begins once that is noticed.
    killed = SECONDS_A_PIECE + 5.5 * SECONDS_A_VIDEO
    found = run([8, 1], (1.0, 1.0), (killed, NEVER))
    assert found.seconds == pytest.approx(killed + SECONDS_TO_NOTICE + SECONDS_A_PIECE + 8 * SECONDS_A_VIDEO)
    assert (found.records_done, found.records_lost, found.num_killed) == (9, 5, 1)


def test_half_of_a_rest_is_taken_over():
    # The second is done with its piece of two when the first has 98 left; from then on they halve what is left.
    found = run([100, 2], (1.0, 1.0), takes_over=True)
    assert found.records_done == 102
    assert 51 * SECONDS_A_VIDEO < found.seconds < 51 * SECONDS_A_VIDEO + 6 * SECONDS_A_PIECE


def test_a_split_is_done_within_1_15_of_the_ideal():
    pieces = [piece.records for piece in pieces_of_split(384, 1000)]
    assert sum(pieces) == 384_000
    assert len(pieces) == 8 * 384  # files of 245 MB
    sound, broken = (simulate(pieces, 500, share, True) for share in (0.0, 0.05))
    assert sound.ratio < broken.ratio < 1.15
    assert broken.num_killed > 15
    assert broken.records_done == 384_000
    assert broken.records_lost / broken.num_killed <= max(pieces)  # no more than the piece at work
    assert simulate([1000] * 384, 500, 0.0, False).ratio > 1.5  # whole files, of which there are fewer than workers
