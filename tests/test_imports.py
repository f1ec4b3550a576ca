"""Imports point one way: docs/design.md, "The map"."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "yt8m"

AREAS = {
    # Low to high: what an area is made of, and the areas above its line that it may import. A member is a module, or a package
    # with all in it, less what has a line of its own.
    "foundations": ("errors values files progress machine traced_gradients data.schema data.features", ""),
    "config": ("config", "foundations"),
    "plotting": ("views.plotting", "foundations"),
    "metrics": ("metrics", "foundations"),
    "reranking": ("reranking", "foundations"),
    "data": ("data", "foundations metrics"),
    "submission": ("submission", "foundations metrics data"),
    "layers": ("layers", "foundations reranking"),
    "models": ("models recipes", "foundations config reranking layers"),
    "runs": ("runs", "foundations config metrics data layers models"),
    "distribution": ("distribution", "foundations config"),
    "scoring": ("scoring", "foundations config plotting metrics data models runs distribution"),
    "predicting": (
        "predicting",
        "foundations config metrics reranking data submission models runs distribution scoring",
    ),
    "training": (
        "training diagnosing",
        "foundations config plotting metrics reranking data submission layers models runs distribution scoring",
    ),
    "cross_validation": (
        "cross_validation",
        "foundations config metrics data submission runs distribution scoring predicting training",
    ),
    "exporting": ("exporting", "foundations config metrics data layers models runs scoring"),
    "records": ("conversion download", "foundations data"),
    "video": ("video", "foundations metrics data"),
    "extracting": ("extracting", "foundations data runs video records"),
    "searching": ("searching", "foundations metrics data runs predicting video extracting"),
    "labelling": ("labelling", "foundations config metrics data runs distribution scoring predicting video extracting"),
    "clips": ("clips", "foundations data runs video extracting labelling"),
    "cluster": (
        "cluster beam",
        "foundations config metrics data submission models runs distribution scoring predicting records video extracting",
    ),
    "tuning": ("tuning", "foundations config plotting metrics models runs distribution"),
    "views": (
        "views",
        "foundations config plotting metrics data runs distribution scoring records video extracting searching clips labelling",
    ),
    "commands": (
        "commands cli __main__",
        "foundations config metrics data submission models runs distribution scoring predicting training cross_validation "
        "exporting records tuning video extracting searching clips labelling cluster views",
    ),
}
"""docs/design.md shows the same map."""

AREA_OF = {f"yt8m.{member}": area for area, (members, _) in AREAS.items() for member in members.split()}

WITHOUT_TENSORFLOW = [
    *(
        "yt8m",
        "yt8m.errors",
        "yt8m.values",
        "yt8m.files",
        "yt8m.config",
        "yt8m.download",
        "yt8m.exporting.archives",
        "yt8m.metrics",
        "yt8m.predicting",
        "yt8m.predicting.options",
        "yt8m.submission",
        "yt8m.submission.tables",
        "yt8m.views.browse.building",
        "yt8m.video",
        "yt8m.video.making",
    ),
    *("yt8m.models", "yt8m.recipes", "yt8m.runs", "yt8m.cli"),
]
"""Importing these must stay fast, for `--help`, `validate` and `recipes`."""

TENSORFLOW_IN_DATA = [
    f"yt8m.data.{name}"
    for name in (
        *("graph", "service"),
        *("pipeline", "handover"),  # datasets
        "access.gfile_reading",
    )
]
"""All other modules that read records must stay fast, too, for `read_batches` and its worker processes."""

NEVER_TENSORFLOW = [
    "yt8m.errors",
    "yt8m.values",
    "yt8m.files",
    "yt8m.config",
    "yt8m.data.engine",
    "yt8m.download",
    "yt8m.metrics",
    *(
        f"yt8m.predicting.{name}"
        for name in ("parts", "differences", "stored", "combining", "listed", "listed_segments", "listed_videos")
    ),
    *(
        f"yt8m.predicting.{name}"
        for name in ("prior", "pairs", "weighting", "stacking", "asked_weights", "submitting", "measuring", "options")
    ),
    "yt8m.submission",
    "yt8m.recipes",
    "yt8m.video",
]
"""These do not even load it later."""

KERAS_ALONE = ["yt8m.layers", "yt8m.models"]
"""Every backend of Keras must be able to run these."""

FILES = sorted(PACKAGE.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Dotted names of all modules that a file imports, also within functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide which way they point"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in names}
    return frozenset(found)


def area_of(module: str) -> str | None:
    """The area of the longest member that the module is, or is in; None of the package itself."""
    parts = module.split(".")
    for length in range(len(parts), 1, -1):
        if ".".join(parts[:length]) in AREA_OF:
            return AREA_OF[".".join(parts[:length])]
    assert module == "yt8m", f"{module} is in no area"
    return None


def is_in(module: str, areas) -> bool:
    return any(module == area or module.startswith(f"{area}.") for area in areas)


def test_the_map_points_one_way_and_names_what_there_is():
    names = list(AREAS)
    for place, (area, (_, below)) in enumerate(AREAS.items()):
        assert set(below.split()) <= set(names[:place]), f"{area} may import what is not below it"
    assert set(AREA_OF) <= set(MODULES)


def test_a_module_imports_only_what_is_below_it():
    for module, path in MODULES.items():
        area = area_of(module)
        if area is None:
            continue
        allowed = {area, None, *AREAS[area][1].split()}
        own = {imported for imported in imports_of(path) if imported.split(".")[0] == "yt8m"}
        wrong = sorted(imported for imported in own if area_of(imported) not in allowed)
        assert not wrong, f"{module}: {area} may import {AREAS[area][1] or 'nothing of yt8m'}, not {', '.join(wrong)}"
        assert "yt8m.cli" not in own or module == "yt8m.__main__"


def test_tensorflow_is_imported_only_where_it_may_be():
    for module, path in MODULES.items():
        outside = {imported.split(".")[0] for imported in imports_of(path)}
        if is_in(module, NEVER_TENSORFLOW) or module == "yt8m.data.schema":
            assert not outside & {"tensorflow", "keras"}, module
        if is_in(module, KERAS_ALONE):
            assert "tensorflow" not in outside, module


def test_no_module_is_a_drawer_for_odds_and_ends():
    assert not {path.stem for path in FILES} & {"utils", "util", "helpers", "common", "misc"}


SLOW = {"tensorflow", "keras", "pandas", "sklearn"}


def test_quick_modules_load_no_library_that_takes_long():
    """One import after the other, in a fresh interpreter."""
    readers = [module for module in MODULES if is_in(module, ["yt8m.data"]) and not is_in(module, TENSORFLOW_IN_DATA)]
    quick = [*WITHOUT_TENSORFLOW, *readers]
    lines = "\n".join(f"import {module}; print('{module}', *sorted({SLOW} & {{*sys.modules}}))" for module in quick)
    result = subprocess.run([sys.executable, "-c", f"import sys\n{lines}"], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == quick


def test_only_the_command_line_prints_or_ends_the_process():
    for module, path in MODULES.items():
        if area_of(module) == "commands":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                where = f"{module}, line {node.lineno}: {called}"
                assert called not in ("print", "exit", "quit", "sys.exit", "os._exit"), where


def test_no_two_modules_of_tests_have_one_name():
    """pytest refuses the second, but only where it is asked to run both."""
    names = [path.name for path in (PACKAGE.parent / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert sorted(names) == sorted(set(names))
