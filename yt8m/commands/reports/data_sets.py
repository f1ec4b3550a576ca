"""Describes record files that were made, split, converted or fetched."""

from collections.abc import Mapping, Sequence
from typing import Any

from yt8m.commands.reports.tables import size_in_words, table
from yt8m.errors import quantity


def synthesised(directory: str, summary: Mapping[str, Any]) -> str:
    """Describes the files that `yt8m.data.tools.synthetic.synthesise` made."""
    videos = ", ".join(f"{count} {split}" for split, count in summary["num_videos"].items())
    return (
        f"{directory}: {videos} videos at video, frame and segment level, {quantity(summary['num_classes'], 'class')}, "
        f"{quantity(summary['num_files'], 'file')}, {summary['num_bytes'] / 1e6:.0f} MB"
    )


def made(directory: str, videos: Sequence[Any]) -> str:
    """Describes the video files that `yt8m.video.making` made."""
    names = {name for each in videos for name in each.labels}
    num_bytes, seconds = sum(each.path.stat().st_size for each in videos), sum(each.seconds for each in videos)
    return (
        f"{directory}: {quantity(len(videos), 'video')} of {seconds:.0f} s in all, {quantity(len(names), 'class')}, "
        f"{num_bytes / 1e6:.1f} MB"
    )


def made_values(directory: str, videos: Sequence[Any]) -> dict[str, Any]:
    """Returns the video files that `yt8m.video.making` made as JSON values."""
    rows = [{"path": str(each.path), "seconds": each.seconds, "labels": list(each.labels)} for each in videos]
    return {"directory": directory, "num_videos": len(videos), "videos": rows}


def split(result: Any) -> str:
    """Describes a `yt8m.data.tools.splitting.Split`: where the videos went."""
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


def converted(result: Any) -> str:
    """Describes a `yt8m.conversion.Converted`: what was written."""
    kept = f" ({result.num_kept} of them were there)" if result.num_kept else ""
    clipped = "".join(
        f"\n{name}: {count} of {quantity(total, 'value')} beyond the range of its bytes, clipped"
        for name, (count, total) in result.clipped.items()
    )
    return (
        f"{result.directory}: records written: {result.num_records}; files: {result.num_files}{kept}, "
        f"{size_in_words(result.num_bytes)}{clipped}"
    )


def to_download(survey: Any) -> str:
    """Describes a `yt8m.download.survey.Survey`: a line for each file to fetch, and the sum."""
    lines = []
    for file in survey.files:
        size = f"  {size_in_words(survey.sizes[file])}" if file in survey.sizes else ""
        lines.append(f"{file.path}  {file.url}{size}")
    if survey.num_bytes is None:
        total = "sizes not known"
    else:
        total = ("about " if survey.num_unknown else "") + size_in_words(survey.num_bytes)
    there = f", {size_in_words(survey.num_partial_bytes)} of it there" if survey.num_partial_bytes else ""
    lines.append(
        f"{survey.directory}: {quantity(len(survey.files), 'file')} to fetch, {total}{there}; {survey.num_present} complete"
    )
    return "\n".join(lines)


def to_download_values(survey: Any) -> dict[str, Any]:
    """Returns a `yt8m.download.survey.Survey` as JSON values. Sizes that are not known are null."""
    return {
        "directory": str(survey.directory),
        "files": [{"path": str(file.path), "url": file.url, "bytes": survey.sizes.get(file)} for file in survey.files],
        "num_present": survey.num_present,
        "num_partial_bytes": survey.num_partial_bytes,
        "num_bytes": survey.num_bytes,
    }


def downloaded_values(result: Any) -> dict[str, Any]:
    """Returns a `yt8m.download.survey.Downloaded` as JSON values."""
    return {
        "directory": str(result.directory),
        "fetched": list(map(str, result.fetched)),
        "num_present": result.num_present,
        "num_bytes": result.num_bytes,
    }


def extractor_values(result: Any) -> dict[str, Any]:
    """Returns a `yt8m.download.extractor.FetchedFiles` as JSON values."""
    keys = ("name", "num_bytes", "sha256", "state")
    return {
        "directory": str(result.directory),
        "files": [{key: getattr(each, key) for key in keys} for each in result.files],
    }


def downloaded(result: Any) -> str:
    """Describes a `yt8m.download.survey.Downloaded`: what was fetched."""
    return (
        f"{result.directory}: {quantity(len(result.fetched), 'file')} fetched, {size_in_words(result.num_bytes)}; "
        f"{result.num_present} were there"
    )


def extractor_to_download(directory: str, addresses: Mapping[str, int | None]) -> str:
    """A line for each file of the extractor that is missing: where it goes, where it is, and its size if that is known."""
    lines = []
    for address, size in addresses.items():
        shown = "" if size is None else f"  {size_in_words(size)}"
        lines.append(f"{directory}/{address.rpartition('/')[2]}  {address}{shown}")
    sizes = [size for size in addresses.values() if size is not None]
    about = "" if len(sizes) == len(addresses) else "at least "
    total = f"{about}{size_in_words(sum(sizes))}" if sizes or not addresses else "sizes not known"
    lines.append(f"{directory}: {quantity(len(addresses), 'file')} to fetch, {total}")
    return "\n".join(lines)


def extractor_downloaded(result: Any) -> str:
    """Describes a `yt8m.download.extractor.FetchedFiles`: each file with its size and digest, and what to do with them."""
    rows = [(each.name, size_in_words(each.num_bytes), each.sha256, each.state) for each in result.files]
    widths = [max(len(row[place]) for row in rows) for place in (0, 1)]
    lines = [f"{name:<{widths[0]}}  {size:>{widths[1]}}  {digest}  {state}" for name, size, digest, state in rows]
    num_fetched = sum(each.state == "fetched" for each in result.files)
    lines.append(f"{result.directory}: {quantity(len(result.files), 'file')}, {num_fetched} fetched")
    lines.append(f"yt8m extract VIDEO --network yt8m --folder {result.directory}")
    return "\n".join(lines)
