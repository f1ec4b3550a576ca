"""Results as text for a person."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from yt8m.data.schema import DEFAULT_MAX_FRAMES
from yt8m.errors import RecordError, quantity

_ODDITIES = ("lacking_features", "num_unlabelled", "num_long_videos", "num_unfit_ids")
"""Of what `yt8m inspect` finds: told in lines of their own, where there is something to tell."""

_MOST_LINES = 20
"""Of a list of problems, as `yt8m validate` has them."""


def table(rows: Sequence[tuple[str, Any]]) -> str:
    """A line a row: the name, padded, and the value."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(
        f"{name:<{width}}  {f'{value:.4f}' if isinstance(value, float) else value}" for name, value in rows
    )


def inspected(report: Mapping[str, Any]) -> str:
    """What `yt8m.data.tools.inspection.inspect` found, with the first reasons for which records of a file cannot be used.

    Of what comes twice the first records are listed, too, and there is a line for each thing that other commands tell.
    """
    rows: list[tuple[str, Any]] = []
    for name, value in report.items():
        if name in _ODDITIES:
            continue
        if isinstance(value, Mapping):
            value = ", ".join(f"{key} {round(each, 2)}" for key, each in value.items())
        rows.append((name, "-" if value in (None, "") else value))
    problems, repeated = report["corrupt_files"], report["repeated"]
    counts = {"repeated": len(repeated), "corrupt_files": len({problem["path"] for problem in problems})}
    rows = [(name, counts[name] or "none") if name in counts else (name, value) for name, value in rows]
    lines = capped(_problems(problems)) + capped([_repeated(each) for each in repeated])
    return "\n".join([table(rows), *_oddities(report), *lines])


def _oddities(report: Mapping[str, Any]) -> list[str]:
    """A line for each thing that is to be said of records that can be used."""
    from yt8m.data.ids import LONGEST_ID, RULE

    lines = [
        f"{count} of the records {'lacks' if count == 1 else 'lack'} {name}, which others have; zeros stand in for it"
        for name, count in report.get("lacking_features", {}).items()
    ]
    count = report.get("num_unlabelled", 0)
    if count and report["num_labels"]:
        lines.append(
            f"{count} of the records {_have(count)} no labels, which others have; training takes "
            f"{'it' if count == 1 else 'each'} for a video of none of the classes"
        )
    if count := report.get("num_long_videos", 0):
        lines.append(
            f"{count} of the records {_have(count)} more than {DEFAULT_MAX_FRAMES} frames, and training cuts whole videos "
            "off there; --data.max-frames keeps more"
        )
    if count := report.get("num_unfit_ids", 0):
        lines.append(
            f"{count} of the records {_have(count)} an id that cannot stand in a submission: {RULE}, "
            f"and has at most {LONGEST_ID} bytes"
        )
    return lines


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def capped(lines: Sequence[str]) -> list[str]:
    """The first of many lines, and how many more there are."""
    more = len(lines) - _MOST_LINES
    return [*lines[:_MOST_LINES], *([f"... and {more} more"] if more > 0 else [])]


def _repeated(found: Mapping[str, Any]) -> str:
    first, start = found["first"], found["start"]
    what = f"video {found['id']!r}" if start is None else f"the segment at {start} s of video {found['id']!r}"
    reason = f"holds {what} again, which {first['path']}, record {first['record']}, holds"
    return str(RecordError(found["path"], found["record"], reason))


def _problems(problems: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for what is wrong with a file or its records, with the first of the records that it is wrong with."""
    firsts: dict[tuple[str, str], Mapping[str, Any]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for problem in problems:
        kind = problem["path"], problem["reason"]
        firsts.setdefault(kind, problem)
        counts[kind] += 1
    return [
        str(RecordError(**first))
        + (f". So it is with {counts[kind] - 1} more of its records" if counts[kind] > 1 else "")
        for kind, first in firsts.items()
    ]


def plotted(drawn: Sequence[str], reasons: Mapping[str, str]) -> str:
    """The pictures that were drawn, a line each, and why others were not."""
    return "\n".join(
        [*(f"{path}: drawn" for path in drawn), *(f"{name}: not drawn: {why}" for name, why in reasons.items())]
    )


def upload(uploaded: Any) -> str:
    """What became of a `yt8m.submission.upload.Uploaded`."""
    values = upload_values(uploaded)
    number = values["submission"] or "its number is not known"
    rows = [("submitted", f"{number}, {quantity(uploaded.num_bytes, 'byte')}")]
    if values["status"] == "complete":
        rows += [(f"{kind} score", values[f"{kind}_score"] or "not shown") for kind in ("public", "private")]
    else:
        rows += [("score", "not there yet; look at the address below")]
    return table([*rows, ("address", values["address"])])


def upload_values(uploaded: Any) -> dict[str, Any]:
    """What became of a `yt8m.submission.upload.Uploaded`, to be printed as JSON; scores as Kaggle writes them."""
    found = uploaded.submission
    return {
        "submission": uploaded.reference or None,
        "status": found.status if found else "pending",
        "public_score": (found.public_score or None) if found else None,
        "private_score": (found.private_score or None) if found else None,
        "address": uploaded.address,
    }


def scores(metrics: Mapping[str, Any]) -> str:
    """The metrics of an evaluation in one line."""
    if "segment_map" in metrics:
        return f"segment MAP {metrics['segment_map']:.4f} on {quantity(metrics['num_segments'], 'rated segment')}"
    return (
        f"GAP {metrics['gap']:.4f}, MAP {metrics['map']:.4f}, Hit@1 {metrics['hit_at_1']:.4f}, "
        f"PERR {metrics['perr']:.4f} on {quantity(metrics['num_videos'], 'video')}"
    )


def best_and_worst(rows: Sequence[Any], most: int = 5) -> str:
    """The best and the worst classes of a report, `yt8m.scoring.classes.ClassRow`s with the best first.

    Of equally bad ones the most frequent come first, as of equally good ones.

    Args:
        rows: the classes; those without an average precision, or with too few positives for it to mean much, are left out.
        most: classes of either kind; none is shown twice.
    """
    from yt8m.metrics import enough_positives

    known = [row for row in rows if row.average_precision is not None]
    enough = enough_positives((row.num_positives for row in known), 2 * most)
    ranked = [row for row in known if row.num_positives >= enough]
    width = max(13, *(len(row.name) for row in ranked))
    lines = []
    worst = sorted(ranked[most:], key=lambda row: (round(row.average_precision, 12), -row.num_positives, row.class_id))
    for title, shown in (("best", ranked[:most]), ("worst", worst[:most])):
        if shown:
            lines += ["", f"{f'{title} classes':<{width}}      AP  positives"]
            lines += [f"{row.name:<{width}}  {row.average_precision:.4f}  {row.num_positives:>9}" for row in shown]
    if len(ranked) < len(known):
        lines += [
            "",
            f"of {quantity(len(ranked), 'class')} with at least {quantity(enough, 'positive')}; {len(known)} have any",
        ]
    return "\n".join(lines)


def trained(result: Any) -> str:
    """How a training run ended, a `yt8m.training.loop.TrainingResult`."""
    best = result.best_metrics or {}
    if "gap" in best or "segment_map" in best:
        best_text = f"best validation at step {best['step']}: {scores(best)}"
    else:
        best_text = "no validation split"
    return f"{result.run}: {steps_done(result)}; {best_text}"


def steps_done(result: Any) -> str:
    """The steps of a `yt8m.training.loop.TrainingResult`, and what this start of the run took for how many of them."""
    done = result.step - result.first_step
    if not done:
        return f"{quantity(result.step, 'step')}, all done before"
    before = f", {done} of them now," if result.first_step else ""
    return f"{quantity(result.step, 'step')}{before} in {result.seconds:.0f} s"


def tuned(result: Any) -> str:
    """What became of a study, a `yt8m.tuning.tuning.Tuned`."""
    counts = ", ".join(f"{result.count(state)} {state}" for state in ("complete", "pruned", "failed", "running"))
    rows = [("trials", f"{len(result.trials)}: {counts}")]
    if result.best is None:
        return table([*rows, ("best", "none yet, as none is complete"), ("kept", f"{result.directory}/")])
    name = {"gap": "GAP", "segment_map": "segment MAP"}[result.metric]
    best = f"trial {result.best.number}: validation {name} {result.best.score:.4f}"
    values = ", ".join(f"{key} {trial_value(value)}" for key, value in result.best.values.items())
    kept = f"{result.directory}/: trials/{result.best.number:04d}/ (the best run), study.db, report.png"
    return table([*rows, ("best", best), ("with", values), ("kept", kept), ("again", result.command)])


def trial_value(value: Any) -> str:
    """A hyper-parameter's value, short enough for a table."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def tuned_values(result: Any) -> dict[str, Any]:
    """What became of a study, a `yt8m.tuning.tuning.Tuned`, to be printed as JSON."""
    return {
        "directory": result.directory,
        "metric": result.metric,
        "interrupted": result.interrupted,
        "best": result.best and result.best.number,
        "command": result.command or None,
        "report": result.report or None,
        "trials": [
            {
                "number": trial.number,
                "state": trial.state,
                "score": trial.score,
                "step": trial.step,
                "values": dict(trial.values),
                "reason": trial.reason or None,
            }
            for trial in result.trials
        ],
    }


def predicted(prediction: Any) -> str:
    """What was predicted, a `yt8m.predicting.prediction.Prediction`."""
    segments = "" if prediction.num_segments is None else f"{quantity(prediction.num_segments, 'segment')} of "
    return f"{segments}{quantity(prediction.num_videos, 'video')}"


def synthesised(directory: str, summary: Mapping[str, Any]) -> str:
    """What `yt8m.data.tools.synthetic.synthesise` made."""
    videos = ", ".join(f"{count} {split}" for split, count in summary["num_videos"].items())
    return (
        f"{directory}: {videos} videos at video, frame and segment level, {quantity(summary['num_classes'], 'class')}, "
        f"{quantity(summary['num_files'], 'file')}, {summary['num_bytes'] / 1e6:.0f} MB"
    )


def exported(result: Any) -> str:
    """What was written, a `yt8m.exporting.exporting.Exported`."""
    rows: list[tuple[str, Any]] = [("written", f"{result.path}, {result.format}, {_bytes(result.num_bytes)}")]
    if result.format == "archive":
        rows[0] = ("written", f"{result.path}, {_bytes(result.num_bytes)} uncompressed")
    if result.signatures:
        rows.append(("signatures", ", ".join(result.signatures)))
    if result.change:
        change, name = result.change, {"gap": "GAP", "segment_map": "segment MAP"}[result.change.metric]
        of = "videos" if change.metric == "gap" else "rated segments"
        rows.append(
            (
                "float16",
                f"{name} {change.after:.4f}, {change.after - change.before:+.6f} against float32's {change.before:.4f}, "
                f"on {change.count} {of}",
            )
        )
    return table(rows)


def split(result: Any) -> str:
    """Where the videos went, a `yt8m.data.tools.splitting.Split`."""
    total = sum(result.parts.values())
    rows = [(name, f"{quantity(count, 'video')}, {count / total:.4f} of all") for name, count in result.parts.items()]
    rows.append(("classes", f"{result.num_classes}, {result.num_too_rare} of them too rare for every part"))
    if result.num_missing:
        rows.append(
            (
                "not in every part",
                f"{quantity(result.num_missing, 'class')} with enough videos, but in contradiction to others",
            )
        )
    if result.num_unlabelled:
        rows.append(("without labels", quantity(result.num_unlabelled, "video")))
    if result.num_repeated:
        rows.append(
            (
                "repeated",
                f"{quantity(result.num_repeated, 'record')} of videos that were there, each to the part where its video is",
            )
        )
    return table([*rows, ("written", result.out)])


def weighed(learned: Any) -> str:
    """What weights an ensemble got, a `yt8m.predicting.weighting.Weights`."""
    rows = [
        (name, f"weight {weight:.3f}, alone {learned.metric} {alone:.4f}")
        for name, weight, alone in zip(learned.members, learned.weights, learned.alone, strict=True)
    ]
    rows.append(("equal weights", f"{learned.metric} {learned.equal:.4f}"))
    rows.append(("learned weights", f"{learned.metric} {learned.score:.4f}, on videos that they were not learned from"))
    return table(rows)


_STAGES = {
    "read": "serialized records, nothing else",
    "input": "records read, parsed, sampled and batched",
    "transfer": "a batch copied to the device",
    "compute": "the train step on a batch that is there",
    "loop": "all together, as in training",
}


def profiled(profile: Any) -> str:
    """Where the time goes, a `yt8m.diagnosing.profiling.Profile`: a table, the verdict, and what to change."""
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


def to_download(survey: Any) -> str:
    """What would be fetched, a `yt8m.download.downloading.Survey`: a line a file, and the sum."""
    lines = []
    for file in survey.files:
        size = f"  {_bytes(survey.sizes[file])}" if file in survey.sizes else ""
        lines.append(f"{file.path}  {file.url}{size}")
    if survey.num_bytes is None:
        total = "sizes not known"
    else:
        total = ("about " if survey.num_unknown else "") + _bytes(survey.num_bytes)
    there = f", {_bytes(survey.num_partial_bytes)} of it there" if survey.num_partial_bytes else ""
    lines.append(
        f"{survey.directory}: {quantity(len(survey.files), 'file')} to fetch, {total}{there}; {survey.num_present} complete"
    )
    return "\n".join(lines)


def downloaded(result: Any) -> str:
    """What was fetched, a `yt8m.download.downloading.Downloaded`."""
    return (
        f"{result.directory}: {quantity(len(result.fetched), 'file')} fetched, {_bytes(result.num_bytes)}; "
        f"{result.num_present} were there"
    )


def converted(result: Any) -> str:
    """What was written, a `yt8m.conversion.Converted`."""
    kept = f" ({result.num_kept} of them were there)" if result.num_kept else ""
    return (
        f"{result.directory}: records written: {result.num_records}; files: {result.num_files}{kept}, "
        f"{_bytes(result.num_bytes)}"
    )


def viewed_values(view: Any) -> dict[str, Any]:
    """What is known of a `yt8m.views.video.VideoView`, to be printed as JSON."""
    scores = view.scores
    classes = []
    for class_id in view.classes():
        row = {"class": class_id, "name": view.name(class_id), "label": class_id in (view.labels or ())}
        if scores is not None and class_id < len(scores.ranking):
            row["score"] = None if scores.video is None else float(scores.video[class_id])
            row["windows"] = scores.windows[:, class_id].tolist()
        classes.append(row)
    return {
        "id": view.video_id,
        "path": view.path,
        "record": view.record,
        "level": view.level,
        "num_frames": view.num_frames,
        "features": list(view.features),
        "labels": None if view.labels is None else list(view.labels),
        "ratings": [{"start": each.start, "class": each.class_id, "score": each.score} for each in view.ratings],
        "also": [{"path": path, "record": record} for path, record in view.also],
        "window": None if scores is None else scores.window,
        "starts": None if scores is None else scores.starts.tolist(),
        "classes": classes,
    }


def viewed(view: Any) -> str:
    """One video as text, a `yt8m.views.video.VideoView`: the classes with their scores, and the ratings."""
    frames = "" if view.level == "video" else f", {quantity(view.num_frames, 'frame')}"
    lines = [
        f"{view.video_id}: {view.path}, record {view.record}; {view.level} level{frames}, "
        f"{' and '.join(view.features) or 'no features'}"
    ]
    lines += [f"{view.video_id}: also {path}, record {record}" for path, record in view.also]
    if view.labels is None:
        lines.append("no labels")
    classes = [f"{class_id} {view.name(class_id)}" for class_id in view.classes()]
    width = max(map(len, classes), default=0)
    for class_id, text in zip(view.classes(), classes, strict=True):
        mark = "label" if class_id in (view.labels or ()) else ""
        lines.append(f"{text:<{width}}  {mark:<5}  {_scores_of(view, class_id)}".rstrip())
    for rating in view.ratings:
        found = "present" if rating.present else "absent"
        lines.append(f"{rating.start:>4} s  {found:<7}  {rating.class_id} {view.name(rating.class_id)}")
    return "\n".join(lines)


def _scores_of(view: Any, class_id: int) -> str:
    """The score of the whole video, and the greatest of a window."""
    scores = view.scores
    if scores is None or class_id >= len(scores.ranking):
        return ""
    parts = [] if scores.video is None else [f"{scores.video[class_id]:.4f}"]
    if len(scores.starts):
        best = int(scores.windows[:, class_id].argmax())
        start = int(scores.starts[best])
        parts.append(f"at most {scores.windows[best, class_id]:.4f}, from {start} to {start + scores.window} s")
    return "  ".join(parts)


def _bytes(count: int) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.2f} {unit}"
    return quantity(count, "byte")
