"""Makes a run directory of an ensemble of runs: one model that holds those of all members."""

import contextlib
import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from yt8m import runs
from yt8m.config import RunConfig, TrainingConfig
from yt8m.errors import InputError
from yt8m.files import read_json, write_json
from yt8m.models.assembled import RERANKED, EnsembleOfModels, member_name
from yt8m.predicting.reranked import Learned
from yt8m.predicting.stacking import Stack
from yt8m.predicting.weighting import Weights
from yt8m.runs.best import best_weights
from yt8m.runs.model import build
from yt8m.runs.weights import load_weights, save_weights

_PREDICTION = ("prediction_num_frames", "prediction_sampling", "max_frames")


def check_assembling(run: str | os.PathLike, members: Sequence[str | os.PathLike], combined: str) -> RunConfig:
    """Checks, before any work, that an ensemble of these runs can become a run.

    Args:
        run: the run directory to make.
        members: the run directories of its members.
        combined: how their predictions are combined.

    Returns:
        The configuration of the new run, with equal weights.

    Raises:
        InputError: a member is no run with weights, or reads other records than the first one does; the mean is of ranks; the
            directory is not empty.
    """
    runs.check_place(run)
    if runs.RunDirectory(Path(run)).config.exists():
        raise InputError(f"{run}: holds a run; give a new directory as --run")
    if combined == "rank":
        raise InputError(
            "--mean rank: a rank depends on all other videos, so no model can say it; give --mean geometric or arithmetic, or "
            "--out in place of --run"
        )
    configs = []
    for member in members:
        if not os.path.isdir(member) or not runs.RunDirectory(Path(member)).config.is_file():
            raise InputError(f"{member}: is no run, and --run needs one for every member; name them with --runs")
        configs.append(runs.load_config(member))
        best_weights(member)
    for member, config in zip(members[1:], configs[1:], strict=True):
        if difference := _difference(configs[0], config):
            raise InputError(
                f"{member}: its {difference} in {members[0]}, and one model reads them alike; combine their predictions "
                "with yt8m ensemble"
            )
    _refuse_context(members[0], configs[0])
    return _config(run, configs, combined)


def _difference(first: RunConfig, other: RunConfig) -> str | None:
    """What keeps two models from being one, as a clause; None if nothing does."""
    pairs: dict[str, tuple[Any, Any]] = {
        "level is": (other.model.level, first.model.level),
        "--data.num-classes is": (other.data.num_classes, first.data.num_classes),
        "--data.features are": (" ".join(sorted(other.data.features)), " ".join(sorted(first.data.features))),
        "--data.segment-context is": (other.data.segment_context, first.data.segment_context),
    }
    if first.model.level == "frame":
        pairs |= {
            f"--data.{name.replace('_', '-')} is": (getattr(other.data, name), getattr(first.data, name))
            for name in _PREDICTION
        }
    return next((f"{name} {here}, and {there}" for name, (here, there) in pairs.items() if here != there), None)


def _refuse_context(run: str | os.PathLike, config: RunConfig) -> None:
    if config.data.segment_context:
        raise InputError(
            f"{run}: sees what is around segments (--data.segment-context), and no ensemble of such runs can be a run; combine "
            "their predictions with yt8m ensemble"
        )


def _config(run: str | os.PathLike, configs: Sequence[RunConfig], combined: str) -> RunConfig:
    """The configuration of the new run: it learned from the records of all members."""
    train = dict.fromkeys(path for config in configs for path in config.data.train)
    same_fold = len({config.data.fold for config in configs}) == 1
    data = dataclasses.replace(
        configs[0].data, train=tuple(train), fold=configs[0].data.fold if same_fold else "", service=""
    )
    count = len(configs)
    model = EnsembleOfModels(
        members=tuple(config.model for config in configs), weights=(1 / count,) * count, combined=combined
    )
    return RunConfig(model=model, data=data, training=TrainingConfig(), run=os.fspath(run))


def assemble(config: RunConfig, members: Sequence[str | os.PathLike], learned: Learned) -> str:
    """Writes the run directory. It needs its members no more.

    Args:
        config: from `check_assembling`.
        members: the run directories of its members.
        learned: the weights, one for each member, and the network if there is one. A member of a mean with weight 0 is left out.

    Returns:
        The run directory.

    Raises:
        InputError: the weights of a member cannot be read, or the directory cannot be written.
    """
    told, reranker = learned.told, learned.reranker
    keep = [place for place, weight in enumerate(told.weights) if weight or reranker]
    model = dataclasses.replace(
        config.model,
        members=tuple(config.model.members[place] for place in keep),
        weights=tuple(told.weights[place] for place in keep),
        intercept=getattr(told, "intercept", 0.0),
    )
    if reranker:
        model = dataclasses.replace(model, num_networks=reranker.num_networks)
    config = dataclasses.replace(config, model=model)
    built = build(config)
    for number, place in enumerate(keep):
        load_weights(built.get_layer(member_name(number)), best_weights(members[place]))
    if reranker:
        built.get_layer(RERANKED).assign(reranker)
    with runs.opened_run(config) as directory:
        save_weights(built, directory.best_weights)
        write_json(directory.environment, _environment(members))
        write_json(directory.best_metrics, {"ensemble": [os.fspath(members[place]) for place in keep], **_score(told)})
    return os.fspath(directory.path)


def _score(learned: Weights | Stack) -> dict[str, float]:
    """The metric to expect on other data."""
    return {learned.metric: learned.score}


def _environment(members: Sequence[str | os.PathLike]) -> Mapping[str, Any]:
    """As of a training here. Relative paths of records belong to the directory of the members' training, if they agree."""
    environment = runs.describe_environment([])
    directories = set()
    for member in members:
        with contextlib.suppress(InputError):
            directories.add(read_json(runs.RunDirectory(Path(member)).environment).get("directory"))
    if len(directories) == 1 and (directory := directories.pop()):
        environment["directory"] = directory
    return environment
