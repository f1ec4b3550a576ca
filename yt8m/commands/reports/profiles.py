"""Describes where the time of training goes, for `yt8m profile`."""

from typing import Any

_STAGES = {
    "read": "serialized records, nothing else",
    "input": "records read, parsed, sampled and batched",
    "transfer": "a batch copied to the device",
    "compute": "the train step on a batch that is there",
    "loop": "all together, as in training",
}


def profiled(profile: Any) -> str:
    """Describes a `yt8m.diagnosing.profiling.Profile`: a table of the time, the verdict, and what to change."""
    lines = [_stage("stage", f"{profile.unit}/s", "ms a step", "least to most", "share", "")]
    for name, timing in profile.timings.items():
        if name == "transfer" and not profile.copies:
            lines.append(_stage(name, "-", "-", "-", "-", "nothing is copied: the device is the CPU"))
            continue
        least, middle, most = (f"{1e3 * seconds:,.2f}" for seconds in (timing.least, timing.median, timing.most))
        share = _percent(timing.median / profile.times.loop)
        lines.append(_stage(name, f"{profile.rate(name):,.0f}", middle, f"{least} to {most}", share, _STAGES[name]))
    lines.append(
        f"steps of {profile.config.training.batch_size} {profile.unit} on {', '.join(profile.devices)}; before the first, "
        f"{profile.first_batch_seconds:.1f} s to fill the buffers and {profile.compile_seconds:.1f} s to compile"
    )
    if profile.rates:
        lines.append(f"matrix products: {profile.rates}")
    if not profile.times.plausible:
        lines.append("a part alone cannot take longer than the loop: other work slowed the machine down; measure again")
    lines += ["", _verdict(profile)]
    for each in profile.advice:
        flag = f"{each.flag} {each.value}".rstrip()
        lines.append(f"  {flag} (now {each.present}): {each.reason}")
    if profile.trace:
        lines += [
            "",
            f"trace      tensorboard --logdir {profile.trace}    # with the package tensorboard-plugin-profile",
        ]
    return "\n".join(lines)


def _stage(name: str, rate: str, milliseconds: str, span: str, share: str, what: str) -> str:
    return f"{name:<8}  {rate:>10}  {milliseconds:>9}  {span:>20}  {share:>5}  {what}".rstrip()


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _verdict(profile: Any) -> str:
    times = profile.times
    verdict = "balanced" if profile.bound == "balanced" else f"bound by {profile.bound}"
    return (
        f"{verdict}: of a step's {1e3 * times.loop:,.2f} ms, the computation alone takes {_percent(times.compute / times.loop)}, "
        f"the input alone {_percent(times.delivery / times.loop)}"
        + ("" if profile.copies else "; the same cores do both")
    )
