"""The directory of a cross-validation: a run directory for each fold, and what is made of their predictions."""

import os
from dataclasses import dataclass
from pathlib import Path

from yt8m import runs
from yt8m.config import RunConfig
from yt8m.errors import InputError
from yt8m.runs.unlike import describe_place


@dataclass(frozen=True)
class FoldsDirectory:
    """The paths of a cross-validation."""

    path: Path
    count: int
    """Number of folds."""

    @property
    def folds(self) -> list[Path]:
        """The run directories, by fold."""
        return [self.path / f"fold{index}" for index in range(self.count)]

    @property
    def out_of_fold(self) -> Path:
        """Stored predictions of each training video or segment, by the fold that did not learn from it."""
        return self.path / "out_of_fold"

    @property
    def ensemble(self) -> Path:
        """Stored predictions of the mean of all folds, for the validation records."""
        return self.path / "ensemble"

    @property
    def results(self) -> Path:
        return self.path / "folds.json"

    def check(self) -> None:
        """Raises InputError if the directory holds something else, or folds of another number."""
        if not self.path.exists():
            runs.check_place(self.folds[0])
            return
        if runs.RunDirectory(self.path).config.exists():
            raise InputError(f"{self.path}: holds a single run; give another --run for the folds")
        if not self.path.is_dir():
            raise InputError(f"{self.path}: is no directory; give another --run for the folds")
        own = {path.name for path in (*self.folds, self.out_of_fold, self.ensemble, self.results)}
        others = sorted(name for name in os.listdir(self.path) if name not in own and not name.startswith("."))
        more = [name for name in others if name.startswith("fold") and name[4:].isdigit()]
        if more:
            raise InputError(
                f"{self.path}: holds a {more[-1]}, and --folds {self.count} has none; give the number of before, or another --run"
            )
        if others:
            known = describe_place(self.path) or f"is a directory with other files, such as {others[0]}"
            raise InputError(f"{self.path}: {known}; give an empty or new one as --run")


def check_folds(config: RunConfig, count: int) -> FoldsDirectory:
    """Checks a configuration before its folds are trained. Returns their directory.

    Args:
        config: a recipe with `run` and the paths of the data set.
        count: number of folds.

    Raises:
        InputError: the number or the configuration cannot be used, or the directory holds other things.
    """
    if count < 2:
        raise InputError(f"--folds {count}: cross-validation takes 2 folds at least")
    if not config.run:
        raise InputError("no run directory; name one for all folds with --run DIR")
    if config.data.fold:
        raise InputError(
            f"--folds {count} trains all folds, and --data.fold {config.data.fold} one; leave one of them out"
        )
    directory = FoldsDirectory(Path(config.run), count)
    directory.check()
    return directory
