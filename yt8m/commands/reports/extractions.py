"""Results of extractions as text."""

from typing import Any

from yt8m.data.tables.videos import VIDEOS_FILE
from yt8m.errors import quantity

_MOST_PROBLEMS = 20


def extracted(result: Any) -> str:
    """Describes a `yt8m.extracting.extraction.ExtractionSummary`: what was written, and what is wrong."""
    good = result.num_videos - result.num_failed
    kept = f" ({result.num_kept} of them were there)" if result.num_kept else ""
    lines = [
        f"{result.directory}: {quantity(good, 'record')} of {quantity(result.num_videos, 'video')}{kept}, "
        f"{quantity(result.num_frames, 'frame', ',')}; features {', '.join(result.features)}"
    ]
    if result.num_cut:
        lines.append(f"{quantity(result.num_cut, 'video')} longer than --max-frames: the rest was left out")
    lines += _problems(result)
    where = f"{result.directory}/{VIDEOS_FILE}"
    if result.num_damaged:
        lines.append(f"{quantity(result.num_damaged, 'video')} damaged, with a record of the rest: listed in {where}")
    if result.num_failed:
        lines.append(f"{quantity(result.num_failed, 'video')} of {result.num_videos} failed: listed in {where}")
    return "\n".join(lines)


def pca_fitted(result: Any) -> str:
    """Describes a `yt8m.extracting.fitting.PcaSummary`."""
    lines = [
        f"{result.path}: {quantity(result.num_values, 'value')} of a PCA, fitted to {quantity(result.num_frames, 'frame', ',')} "
        f"of {quantity(result.num_videos - result.num_failed, 'video')}; sha256 {result.sha256}",
        *_problems(result),
    ]
    if result.num_failed:
        lines.append(f"{quantity(result.num_failed, 'video')} of {result.num_videos} failed and had no part in it")
    return "\n".join(lines)


def _problems(result: Any) -> list[str]:
    """A line for each of the first problems."""
    problems = list(result.problems.items())
    lines = [f"{path}: {problem}" for path, problem in problems[:_MOST_PROBLEMS]]
    if len(problems) > _MOST_PROBLEMS:
        lines.append(f"... and {len(problems) - _MOST_PROBLEMS} more")
    return lines
