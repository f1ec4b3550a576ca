"""Flags of `--engine beam`: each mistake is one line, before any work."""

import contextlib
import os
import subprocess
import sys
import threading

import pytest

from yt8m.cluster.options import BeamOptions
from yt8m.errors import InputError


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--engine", "spark"], "--engine is 'spark'; it must be one of 'local', 'beam'"),
        (["--beam.options", "--direct_num_workers 2"], "--beam.options is of no use without --engine beam"),
        (["--beam.runner", "FlinkRunner"], "--beam.runner is of no use without --engine beam"),
        (
            ["--engine", "beam", "--beam.runner", "Flink"],
            "--beam.runner is 'Flink'; it must be one of 'DirectRunner', ",
        ),
    ],
)
def test_flags_that_contradict_each_other_are_one_line(flags, message, tmp_path, capsys, status_of):
    assert status_of("convert", tmp_path, "--to", "video", "--out", tmp_path / "out", *flags) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"yt8m: {message}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("runner", "options", "message"),
    [
        (
            "DirectRunner",
            "--direct_num_worker 2",
            "has --direct_num_worker, which DirectRunner does not know; did you mean ",
        ),
        ("DirectRunner", "--state_backend x", "has --state_backend, which DirectRunner does not know"),
        ("FlinkRunner", "--state_backend x --nothing", "has --nothing, which FlinkRunner does not know"),
        ("DataflowRunner", "two words", "has 'two', which belongs to no option; write --NAME VALUE"),
        (
            "DirectRunner",
            "--direct_num_workers -1",
            "has --direct_num_workers -1; it must be 0, for one a core, or more",
        ),
        (
            "DirectRunner",
            "--job_name mine --help",
            "has --help; Beam's documentation, and its runner's, have their options",
        ),
        ("DirectRunner", "--direct_num_workers two", ": argument --direct_num_workers: invalid int value: 'two'"),
        ("DirectRunner", "--runner FlinkRunner", "has --runner; name the runner with --beam.runner"),
        ("DirectRunner", "--job_name 'open", "cannot be read (No closing quotation)"),
    ],
)
def test_options_that_no_runner_knows(beam, runner, options, message):
    with pytest.raises(InputError) as caught:
        BeamOptions(runner, options).load()
    assert message in str(caught.value)
    assert str(caught.value).startswith("--beam.options")
    assert "\n" not in str(caught.value)


def test_options_reach_beam_and_the_direct_runner_has_the_threads_that_gain(beam):
    from apache_beam.options.pipeline_options import DirectOptions, GoogleCloudOptions, StandardOptions

    given = BeamOptions("DataflowRunner", "--project mine --region europe-west4 --job_name 'a b'").load()
    cloud = given.view_as(GoogleCloudOptions)
    assert (cloud.project, cloud.region, cloud.job_name) == ("mine", "europe-west4", "a b")
    assert given.view_as(StandardOptions).runner == "DataflowRunner"
    for count, mode in ((1, "in_memory"), (3, "multi_threading")):
        direct = BeamOptions().load(count).view_as(DirectOptions)
        assert (direct.direct_running_mode, direct.direct_num_workers) == (mode, count)
    asked = BeamOptions(options="--direct_num_workers 2").load(3).view_as(DirectOptions)
    assert (asked.direct_running_mode, asked.direct_num_workers) == ("in_memory", 2)
    assert BeamOptions("FlinkRunner", "--state_backend x").load().view_as(StandardOptions).runner == "FlinkRunner"


def test_an_unknown_runner_of_the_function_is_named():
    with pytest.raises(InputError, match="unknown runner 'DirectRuner'; did you mean DirectRunner"):
        BeamOptions("DirectRuner").load()


@pytest.mark.thorough
def test_without_beam_one_line_says_what_to_install(tmp_path):
    program = (
        "import sys; sys.modules['apache_beam'] = None\n"
        "from yt8m.cli import main\n"
        f"main(['convert', {str(tmp_path)!r}, '--to', 'video', '--out', 'x', '--engine', 'beam'])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("yt8m: --engine beam needs apache-beam, which cannot be loaded (")
    assert result.stderr.endswith("pip install 'yt8m[beam]'\n")


@pytest.mark.thorough
def test_nothing_of_beam_is_loaded_unless_it_is_asked_for(sample, tmp_path):
    program = (
        "import sys, yt8m.beam; from yt8m.cli import main\n"
        f"words = ['convert', {str(sample / '2/frame/test')!r}, '--to', 'video', '--out', {str(tmp_path / 'out')!r}]\n"
        "try:\n    main(words)\nfinally:\n    print('apache_beam' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize("error", [None, RuntimeError, KeyboardInterrupt])
def test_what_is_printed_meanwhile_is_left_out_and_all_is_as_before_afterwards(beam, capfd, error):
    from yt8m.cluster.running import _without_output

    files, hook = os.listdir("/proc/self/fd"), threading.excepthook
    with contextlib.suppress(RuntimeError, KeyboardInterrupt), _without_output():
        print("of a worker")
        os.write(1, b"of a process\n")
        os.write(2, b"of a process\n")
        broken = threading.Thread(target=lambda: 1 / 0)
        broken.start()
        broken.join()
        if error:
            raise error
    os.write(1, b"of the command\n")
    assert tuple(capfd.readouterr()) == ("of the command\n", "")
    assert (os.listdir("/proc/self/fd"), threading.excepthook) == (files, hook)
