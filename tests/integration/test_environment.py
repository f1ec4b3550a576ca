"""The environment that `make` sets up, with a project of three files in the place of this one."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "setup-environment.sh"

# A project needs a build backend; one of its own spares the test the network.
PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
BACKEND = """
import pathlib, zipfile

FILES = {
    "installed_module.py": "VALUE = 1",
    "of_another_python.py": "print 'hello'",
    "tiny-1.dist-info/METADATA": "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1\\nProvides-Extra: some\\n",
    "tiny-1.dist-info/WHEEL": "Wheel-Version: 1.0\\nGenerator: tiny\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    "tiny-1.dist-info/RECORD": "",
}

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / name, "w") as wheel:
        for path, text in FILES.items():
            wheel.writestr(path, text)
    return name
"""


@pytest.mark.slow
def test_everything_is_compiled_where_python_may_not_write_what_it_compiles(tmp_path):
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "backend.py").write_text(BACKEND)
    (tmp_path / "constraints.txt").touch()
    (tmp_path / "yt8m").mkdir()
    (tmp_path / "yt8m/__init__.py").touch()
    shutil.copy(SCRIPT, tmp_path)
    variables = os.environ | {"PYTHON": sys.executable, "PYTHONDONTWRITEBYTECODE": "1"}

    subprocess.run(
        ["sh", SCRIPT.name, "environment", "some", "constraints.txt"],
        cwd=tmp_path,
        env=variables,
        check=True,
        timeout=120,
    )

    (installed,) = tmp_path.glob("environment/lib/*/site-packages/installed_module.py")
    for source in (installed, tmp_path / "yt8m/__init__.py"):
        assert Path(importlib.util.cache_from_source(str(source))).is_file()
