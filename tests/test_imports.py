"""Imports point one way: docs/design.md, "The house"."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "yt8m"

BASE = {"yt8m.errors", "yt8m.values", "yt8m.data.repeats", "yt8m.data.schema", "yt8m.data.vocabulary"}

RULES = {
    # Low to high. An area is a module or a package with all in it, less the parts that have a line of their own; it may
    # import itself, the areas named, and the package's version. An area may only name areas above it in this table.
    "yt8m.errors": set(),
    "yt8m.values": {"yt8m.errors"},
    "yt8m.flag_names": set(),
    "yt8m.data.schema": {"yt8m.errors"},
    "yt8m.data.address": {"yt8m.errors"},
    "yt8m.data.repeats": {"yt8m.errors", "yt8m.data.schema"},
    "yt8m.data.vocabulary": {"yt8m.errors"},
    "yt8m.files": {"yt8m.errors"},
    "yt8m.machine": set(),
    "yt8m.figures": {"yt8m.files"},
    "yt8m.config": {*BASE, "yt8m.data.address", "yt8m.files"},
    "yt8m.metrics": BASE,
    "yt8m.submission": {*BASE, "yt8m.files", "yt8m.metrics"},
    "yt8m.predictions": {*BASE, "yt8m.files", "yt8m.metrics", "yt8m.submission"},
    "yt8m.layers": {"yt8m.data.schema"},
    "yt8m.models": {*BASE, "yt8m.config", "yt8m.layers"},
    "yt8m.web": {"yt8m.errors"},
    "yt8m.data": {*BASE, "yt8m.data.address", "yt8m.files", "yt8m.metrics", "yt8m.submission", "yt8m.web"},
    "yt8m.conversion": {*BASE, "yt8m.data", "yt8m.files"},
    "yt8m.download": {"yt8m.errors", "yt8m.files", "yt8m.values", "yt8m.web"},
    "yt8m.unlike_runs": set(),
    "yt8m.runs": {*BASE, "yt8m.config", "yt8m.files", "yt8m.models", "yt8m.unlike_runs"},
    "yt8m.distribution": {*BASE, "yt8m.config"},
    # Losses, optimizers, checkpoints, curves ...
    "yt8m.training": {*BASE, "yt8m.config", "yt8m.figures", "yt8m.files", "yt8m.runs"},
    "yt8m.training.splits": {*BASE, "yt8m.config", "yt8m.data", "yt8m.runs"},
    "yt8m.own_records": {*BASE, "yt8m.config", "yt8m.data", "yt8m.files", "yt8m.runs"},
    "yt8m.application": {*BASE, "yt8m.models"},
    "yt8m.inference": {
        "yt8m.application",
        "yt8m.own_records",
        "yt8m.distribution",
        *{*BASE, "yt8m.config", "yt8m.data", "yt8m.layers", "yt8m.models", "yt8m.predictions", "yt8m.runs"},
        *{"yt8m.submission", "yt8m.training"},
    },
    "yt8m.viewing": {
        *{*BASE, "yt8m.config", "yt8m.conversion", "yt8m.data", "yt8m.download", "yt8m.figures", "yt8m.files"},
        *{"yt8m.inference", "yt8m.runs"},
    },
    "yt8m.class_report": {*BASE, "yt8m.data", "yt8m.figures", "yt8m.files", "yt8m.metrics"},
    "yt8m.scoring": {
        *{*BASE, "yt8m.class_report", "yt8m.data", "yt8m.metrics", "yt8m.predictions", "yt8m.submission"},
    },
    "yt8m.evaluation": {
        "yt8m.own_records",
        "yt8m.distribution",
        *{*BASE, "yt8m.class_report", "yt8m.config", "yt8m.data", "yt8m.inference", "yt8m.metrics", "yt8m.predictions"},
        "yt8m.runs",
    },
    "yt8m.run_report": {
        "yt8m.own_records",
        "yt8m.distribution",
        *{*BASE, "yt8m.class_report", "yt8m.config", "yt8m.data", "yt8m.evaluation", "yt8m.files", "yt8m.inference"},
        *{"yt8m.metrics", "yt8m.predictions", "yt8m.runs"},
    },
    "yt8m.submission_options": BASE,
    "yt8m.run_folds": {*BASE, "yt8m.config", "yt8m.data"},
    "yt8m.run_predictions": {
        "yt8m.own_records",
        *{*BASE, "yt8m.config", "yt8m.data", "yt8m.inference", "yt8m.metrics", "yt8m.predictions", "yt8m.runs"},
        *{"yt8m.distribution", "yt8m.files", "yt8m.submission"},
        "yt8m.run_folds",
    },
    "yt8m.kept_predictions": {*BASE, "yt8m.data", "yt8m.predictions", "yt8m.run_predictions", "yt8m.runs"},
    "yt8m.prediction": {
        *{*BASE, "yt8m.config", "yt8m.distribution", "yt8m.files", "yt8m.predictions", "yt8m.run_predictions"},
        *{"yt8m.inference", "yt8m.kept_predictions", "yt8m.runs", "yt8m.submission_options", "yt8m.training.splits"},
        "yt8m.unlike_runs",
    },
    "yt8m.ensemble_members": {
        *{*BASE, "yt8m.files", "yt8m.kept_predictions", "yt8m.prediction", "yt8m.predictions", "yt8m.run_predictions"},
        *{"yt8m.runs", "yt8m.submission", "yt8m.unlike_runs"},
    },
    "yt8m.ensembling": {
        *{*BASE, "yt8m.data", "yt8m.ensemble_members", "yt8m.files", "yt8m.prediction", "yt8m.predictions"},
        *{"yt8m.run_predictions", "yt8m.scoring", "yt8m.submission_options"},
    },
    "yt8m.recipes": {*BASE, "yt8m.config", "yt8m.models"},
    "yt8m.training.distillation": {
        *{*BASE, "yt8m.config", "yt8m.data", "yt8m.inference", "yt8m.runs", "yt8m.submission", "yt8m.training"},
    },
    "yt8m.training.summaries": {*BASE, "yt8m.config", "yt8m.evaluation", "yt8m.metrics", "yt8m.runs"},
    "yt8m.training.stream": {*BASE, "yt8m.config", "yt8m.data"},
    "yt8m.training.statistics": {
        *{*BASE, "yt8m.config", "yt8m.data", "yt8m.distribution", "yt8m.layers", "yt8m.training.stream"},
    },
    "yt8m.training.averaging": {
        *{*BASE, "yt8m.config", "yt8m.data", "yt8m.files", "yt8m.runs", "yt8m.inference", "yt8m.evaluation"},
        *{"yt8m.training", "yt8m.training.statistics"},
    },
    "yt8m.training.objective": {
        *{*BASE, "yt8m.config", "yt8m.layers", "yt8m.models", "yt8m.training", "yt8m.training.distillation"},
    },
    "yt8m.training.memory": {
        *{*BASE, "yt8m.config", "yt8m.data", "yt8m.files", "yt8m.machine", "yt8m.training"},
        *{"yt8m.training.objective", "yt8m.training.stream"},
    },
    "yt8m.training.trainer": {
        *{"yt8m.distribution", "yt8m.training.memory"},
        *{*BASE, "yt8m.config", "yt8m.data", "yt8m.files"},
        *{"yt8m.runs", "yt8m.inference", "yt8m.evaluation", "yt8m.training"},
        *{"yt8m.training.distillation", "yt8m.training.objective", "yt8m.training.statistics", "yt8m.training.stream"},
    },
    "yt8m.training.completion": {*BASE, "yt8m.config", "yt8m.data", "yt8m.runs"},
    "yt8m.training.records_seen": {*BASE, "yt8m.config", "yt8m.data", "yt8m.files", "yt8m.runs"},
    "yt8m.training.resuming": {
        *{*BASE, "yt8m.config", "yt8m.files", "yt8m.runs", "yt8m.training", "yt8m.training.trainer"},
    },
    "yt8m.training.loop": {
        "yt8m.distribution",
        "yt8m.training.memory",
        *{*BASE, "yt8m.config", "yt8m.data", "yt8m.files", "yt8m.models"},
        *{"yt8m.runs", "yt8m.inference", "yt8m.evaluation", "yt8m.training", "yt8m.training.trainer"},
        *{"yt8m.training.completion", "yt8m.training.distillation", "yt8m.training.resuming", "yt8m.training.splits"},
        *{"yt8m.training.records_seen", "yt8m.training.summaries"},
    },
    "yt8m.training.sanity": {
        *{*BASE, "yt8m.config", "yt8m.data", "yt8m.inference", "yt8m.training", "yt8m.training.completion"},
        *{"yt8m.distribution", "yt8m.training.loop", "yt8m.training.memory", "yt8m.training.objective"},
    },
    "yt8m.training.bottleneck": {*BASE, "yt8m.config", "yt8m.data"},
    "yt8m.training.profiling": {
        *{*BASE, "yt8m.config", "yt8m.data", "yt8m.distribution", "yt8m.files", "yt8m.training"},
        *{"yt8m.training.trainer", "yt8m.training.loop", "yt8m.training.bottleneck"},
    },
    "yt8m.exporting.half_precision": set(),
    "yt8m.exporting.archives": {*BASE, "yt8m.config", "yt8m.files", "yt8m.runs", "yt8m.unlike_runs"},
    "yt8m.exporting": {
        *{*BASE, "yt8m.config", "yt8m.data", "yt8m.files", "yt8m.models", "yt8m.runs"},
        *{"yt8m.inference", "yt8m.evaluation", "yt8m.training"},
        *{"yt8m.exporting.archives", "yt8m.exporting.half_precision"},
    },
    "yt8m.tuning": {*BASE, "yt8m.machine", "yt8m.config", "yt8m.figures", "yt8m.files", "yt8m.flag_names", "yt8m.runs"},
    "yt8m.streams": set(),
    "yt8m.arguments": {"yt8m.errors", "yt8m.flag_names", "yt8m.values"},
    "yt8m.reports": {"yt8m.errors", "yt8m.data.schema", "yt8m.metrics", "yt8m.submission"},
    "yt8m.terminal": {*BASE, "yt8m.config", "yt8m.reports", "yt8m.streams", "yt8m.training.loop"},
    "yt8m.commands": {
        *{
            *BASE,
            "yt8m.arguments",
            "yt8m.config",
            "yt8m.conversion",
            "yt8m.data",
            "yt8m.data.address",
            "yt8m.distribution",
            "yt8m.download",
            "yt8m.ensembling",
            "yt8m.evaluation",
            "yt8m.exporting",
            "yt8m.exporting.archives",
            "yt8m.files",
        },
        *{
            "yt8m.models",
            "yt8m.prediction",
            "yt8m.recipes",
            "yt8m.reports",
            "yt8m.run_report",
            "yt8m.runs",
            "yt8m.scoring",
            "yt8m.streams",
        },
        *{"yt8m.submission", "yt8m.submission_options", "yt8m.terminal", "yt8m.viewing"},
        *{"yt8m.training.averaging", "yt8m.training.loop", "yt8m.training.profiling", "yt8m.training.sanity"},
        "yt8m.tuning",
    },
    "yt8m.cli": {"yt8m.errors", "yt8m.arguments", "yt8m.commands", "yt8m.distribution", "yt8m.streams"},
    "yt8m.__main__": {"yt8m.cli"},
    "yt8m.child": set(),
    "yt8m": set(),
}

WITHOUT_TENSORFLOW = [
    *(
        "yt8m",
        "yt8m.errors",
        "yt8m.values",
        "yt8m.files",
        "yt8m.config",
        "yt8m.data.address",
        "yt8m.data.repeats",
        "yt8m.data.schema",
        "yt8m.data.vocabulary",
        "yt8m.download",
        "yt8m.exporting.archives",
        "yt8m.metrics",
        "yt8m.predictions",
        "yt8m.submission",
        "yt8m.submission_options",
    ),
    *("yt8m.models", "yt8m.recipes", "yt8m.runs", "yt8m.cli"),
]
"""Importing these must stay fast, for `--help`, `validate` and `recipes`."""

NEVER_TENSORFLOW = [
    "yt8m.errors",
    "yt8m.values",
    "yt8m.files",
    "yt8m.config",
    "yt8m.download",
    "yt8m.metrics",
    "yt8m.predictions",
    "yt8m.submission",
    "yt8m.recipes",
]
"""These do not even load it later."""

KERAS_ALONE = ["yt8m.layers", "yt8m.models"]
"""Every backend of Keras must be able to run these."""

FILES = sorted(PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


def imports_of(path: Path) -> set[str]:
    """Dotted names of all modules that a file imports, also within functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide which way they point"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in names}
    return found


def area_of(module: str) -> str:
    """The longest area that the module is, or is in."""
    parts = module.split(".")
    for length in range(len(parts), 1, -1):
        if ".".join(parts[:length]) in RULES:
            return ".".join(parts[:length])
    assert module == "yt8m", f"{module} has no line in the table of rules"
    return module


def is_in(module: str, areas) -> bool:
    return any(module == area or module.startswith(f"{area}.") for area in areas)


def test_the_table_points_one_way():
    areas = list(RULES)
    for area, allowed in RULES.items():
        assert allowed <= set(areas[: areas.index(area)]), f"{area} names an area below it"
    assert not any("yt8m.cli" in allowed for area, allowed in RULES.items() if area != "yt8m.__main__")
    assert "yt8m.config" not in RULES["yt8m.layers"]


def test_the_table_has_no_area_that_is_gone():
    assert all(area in MODULES for area in RULES)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_is_below_it(module):
    area = area_of(module)
    own = {imported for imported in imports_of(MODULES[module]) if imported.split(".")[0] == "yt8m"}
    wrong = {imported for imported in own if area_of(imported) not in {area, "yt8m", *RULES[area]}}
    assert not wrong, f"{area} may import {', '.join(sorted(RULES[area])) or 'nothing of yt8m'}"


@pytest.mark.parametrize("module", MODULES)
def test_tensorflow_is_imported_only_where_it_may_be(module):
    outside = {imported.split(".")[0] for imported in imports_of(MODULES[module])}
    if is_in(module, NEVER_TENSORFLOW) or module == "yt8m.data.schema":
        assert not outside & {"tensorflow", "keras"}
    if is_in(module, KERAS_ALONE):
        assert "tensorflow" not in outside


def test_no_module_is_a_drawer_for_odds_and_ends():
    assert not {path.stem for path in FILES} & {"utils", "util", "helpers", "common", "misc"}


@pytest.mark.parametrize("module", WITHOUT_TENSORFLOW)
def test_quick_modules_load_neither_tensorflow_nor_keras(module, loaded_by):
    assert not loaded_by[module] & {"tensorflow", "keras"}


@pytest.fixture(scope="module")
def loaded_by() -> dict[str, set[str]]:
    """The top-level packages that are loaded after each import, one import after the other in a fresh interpreter."""
    lines = "\n".join(
        f"import {module}; print(*{{name.split('.')[0] for name in sys.modules}})" for module in WITHOUT_TENSORFLOW
    )
    result = subprocess.run([sys.executable, "-c", f"import sys\n{lines}"], capture_output=True, text=True, check=True)
    return dict(zip(WITHOUT_TENSORFLOW, map(set, map(str.split, result.stdout.splitlines())), strict=True))


@pytest.mark.parametrize("module", MODULES)
def test_only_the_command_line_prints_or_ends_the_process(module):
    if area_of(module) in ("yt8m.cli", "yt8m.commands", "yt8m.streams", "yt8m.terminal"):
        return
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in ("print", "exit", "quit", "sys.exit", "os._exit"), (
                f"line {node.lineno}"
            )


def test_no_two_modules_of_tests_have_one_name():
    """pytest refuses the second, but only where it is asked to run both."""
    names = [path.name for path in (PACKAGE.parent / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert sorted(names) == sorted(set(names))
