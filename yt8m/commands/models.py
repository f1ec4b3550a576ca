"""The commands for models: `recipes`, `models` and `average`."""

import dataclasses
from typing import Annotated

import tyro

from yt8m.commands import reports
from yt8m.commands.flags import PATHS, Json, OptionalText, given_paths, print_json, renamed_flags, shown
from yt8m.commands.places import require_run
from yt8m.commands.streams import show
from yt8m.config import to_dict
from yt8m.data.schema import DEFAULT_NUM_CLASSES
from yt8m.errors import OK, InputError, quantity
from yt8m.runs import flatten
from yt8m.values import NonNegativeInt, PositiveInt


def recipes(
    name: Annotated[str, tyro.conf.Positional, shown("[RECIPE]", "(default: list them all)")] = "",
    data: Annotated[OptionalText, shown("DIR", "(default: the training videos of 2018)")] = None,
    json: Json = False,
) -> int:
    """List the recipes, which are named, complete configurations, and what each will do; or print one.

    Example: yt8m recipes

    Example: yt8m recipes --data data/sample

    Example: yt8m recipes nextvlad

    Steps, memory and time are estimates by arithmetic, for the CPU cores of this machine. yt8m check RECIPE measures.

    Args:
        name: The name of a recipe. Its configuration is printed, with every field; with --data, only its line.
        data: The directory of a data set, as --data.root of training takes it: what each recipe will do on its records, which
            are counted by their headers.
        json: Print one JSON object.
    """
    from yt8m.recipes import describe, list_recipes, make_config

    if data is None and name:
        values = to_dict(make_config(name))
        if json:
            print_json(values)
        else:
            rows = [(key, _in_flags(value)) for key, value in flatten(values).items() if value not in ("", [], None)]
            show(f"{describe(name)}\n\n{reports.table(rows)}")
        return OK
    from yt8m.commands.terminal import say
    from yt8m.commands.watching import WorkProgress
    from yt8m.training.expectations import expect_all

    if data == "":
        raise InputError("--data is empty; give the directory of a data set")
    with renamed_flags({"; give --data.train instead": "; give such a directory", "--data.root": "--data"}):
        found = expect_all([make_config(each) for each in ([name] if name else list_recipes())], data, WorkProgress())
    if json:
        print_json({"recipes": [dataclasses.asdict(each) for each in found]})
        return OK
    show(reports.recipes_listed(found))
    say(reports.recipes_explained(found, data))
    return OK


def _in_flags(value: object) -> str:
    """Writes a value as its flag takes it."""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def models(
    name: Annotated[str, tyro.conf.Positional, shown("[MODEL]", "(default: list them all)")] = "",
    json: Json = False,
    num_classes: PositiveInt = DEFAULT_NUM_CLASSES,
) -> int:
    """List the models, or one model's hyper-parameters and parameter count.

    Example: yt8m models netvlad

    Args:
        name: The name of a model.
        json: Print one JSON object.
        num_classes: Number of classes to count the parameters for.
    """
    from yt8m.models import ARCHITECTURES, hyperparameters_of, list_models, make_architecture
    from yt8m.models.sizes import num_parameters

    if not name:
        summaries = {name: (ARCHITECTURES[name].__doc__ or "").strip().splitlines()[0] for name in list_models()}
        if json:
            print_json(summaries)
        else:
            show(reports.table(list(summaries.items())))
        return OK
    defaults = {key: field.default for key, field in hyperparameters_of(name).items()}
    count = num_parameters(make_architecture(name), num_classes)
    if json:
        print_json({"name": name, "hyperparameters": defaults, "num_parameters": count, "num_classes": num_classes})
    else:
        rows = [(key, str(value)) for key, value in defaults.items()]
        show(reports.table([*rows, ("parameters", f"{count:,} for {quantity(num_classes, 'class')}")]))
    return OK


def average(
    runs: Annotated[tuple[str, ...], tyro.conf.Positional, shown("RUN [RUN ...]", "(required)")],
    out: Annotated[str, shown("DIR")],
    last: Annotated[PositiveInt | None, shown("N", "(default: the best weights of each run)")] = None,
    best: Annotated[PositiveInt | None, shown("N", "(default: the best weights of each run)")] = None,
    statistics_batches: NonNegativeInt = 100,
    data: Annotated[tuple[str, ...] | None, shown(PATHS, "(default: the training records of the first run)")] = None,
    json: Json = False,
) -> int:
    """Average the weights of a run's checkpoints, or of several runs, into a new run.

    One set of weights of a model with batch normalisation gets new statistics alone.

    Example: yt8m average runs/sample --last 2 --out runs/sample_averaged

    Args:
        runs: Run directories of one configuration.
        out: The new run directory.
        last: Number of checkpoints of each run to average, the newest ones.
        best: Number of checkpoints of each run to average, the ones that validated best.
        statistics_batches: Number of training batches to compute the statistics of batch normalisation from.
            At most one pass over the records. 0 = average the checkpoints' statistics, which fit other weights.
        data: Training records for these batches: files, directories or globs.
        json: Print one JSON object.
    """
    from yt8m.commands.watching import WorkProgress

    for run in runs:
        require_run(run, given_paths(data), "train", has_data=bool(statistics_batches and data))
    from yt8m.training.averaging import average as run_average

    result = run_average(runs, out, last, best, statistics_batches, given_paths(data), WorkProgress())
    if json:
        keys = ("run", "averaged", "metrics", "num_statistics")
        print_json({key: getattr(result, key) for key in keys})
    else:
        text = reports.scores(result.metrics) if result.metrics else "no validation split to score it on"
        statistics = f", batch statistics of {result.num_statistics} videos" if result.num_statistics else ""
        count = len(result.averaged)
        averaged = f"the mean of {count} sets of weights" if count > 1 else f"the weights of {result.averaged[0]}"
        show(f"{result.run}: {averaged}{statistics}; {text}")
    return OK
