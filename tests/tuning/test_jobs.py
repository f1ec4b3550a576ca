"""How many trials fit, worked by hand."""

import pytest

from yt8m.tuning.jobs import Footprint, Machine, choose, list_accelerators, trials_fed

GB = 10**9


@pytest.mark.parametrize(
    ("machine", "footprint", "jobs"),
    [
        (Machine(8, 100 * GB, ()), Footprint(2.0, GB), 4),  # the cores
        (Machine(2, 100 * GB, ()), Footprint(1.9, GB), 1),
        (Machine(2, 100 * GB, ()), Footprint(2.4, GB), 1),  # never none
        (Machine(2, 100 * GB, ()), Footprint(0.6, GB), 2),  # nor more than cores
        (Machine(2, 100 * GB, ("0", "1", "2")), Footprint(0.6, GB), 3),  # but where GPUs compute
        (Machine(64, 7 * GB, ()), Footprint(1.0, 2 * GB), 4),  # the memory: 0.9 * 7 / 2 = 3 beside the one that runs
        (Machine(64, 0, ()), Footprint(1.0, 2 * GB), 1),
        (Machine(64, 100 * GB, ("0", "1")), Footprint(1.0, GB), 2),  # the GPUs
        (Machine(64, 100 * GB, ()), Footprint(1.0, GB, 3, "compute"), 3),  # the input
        (Machine(64, 100 * GB, ()), Footprint(1.0, GB, 1, "input"), 1),
    ],
)
def test_the_scarcest_decides(machine, footprint, jobs):
    chosen, reason = choose(machine, footprint, num_running=1)
    assert chosen == jobs
    assert reason.startswith(f"{jobs} trial{'s' * (jobs > 1)} side by side: ")
    assert f"(room for {jobs})" in reason
    assert "\n" not in reason


def test_the_reason_names_all_that_was_measured():
    machine, footprint = Machine(8, 50 * GB, ("0", "1")), Footprint(3.5, 2 * GB, 5, "compute")
    assert choose(machine, footprint, 1)[1] == (
        "2 trials side by side: a trial keeps 3.5 of 8 cores busy (room for 2), takes 2.0 GB of 50.0 GB that are free (room for "
        "23), takes one of 2 GPUs (room for 2), is bound by compute, and the input alone feeds 5 (room for 5)"
    )


def test_what_the_input_feeds_is_how_much_quicker_it_is_than_a_step():
    assert [trials_fed(10, 39), trials_fed(10, 40), trials_fed(30, 25), trials_fed(0, 10) > 1000] == [3, 4, 1, True]


@pytest.mark.parametrize(
    ("visible", "strategy", "names"),
    [
        (None, "auto", ("0", "1")),
        ("3, GPU-1f", "one", ("3", "GPU-1f")),
        (None, "mirrored", ()),
    ],
)
def test_gpus_have_the_names_that_a_process_is_told(monkeypatch, visible, strategy, names):
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["one", "another"])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert list_accelerators(strategy) == names
