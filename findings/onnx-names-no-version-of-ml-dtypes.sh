#!/usr/bin/env bash
# onnx 1.19.0 asks for any ml-dtypes and needs a newer one than 0.3, which TensorFlow 2.16 excludes.
#
# Guessed: what pip installs and `pip check` finds sound can be imported. TensorFlow 2.16 asks for ml-dtypes ~=0.3.1, and onnx
#   1.19.0 for ml-dtypes without a version, so pip puts them together.
# Happened: `import onnx` ends with an AttributeError: its table of types names float4_e2m1fn, which ml-dtypes 0.3.2 does not have.
#   The next release, 1.19.1, asks for a version in which it is.
# Versions: onnx 1.19.0, ml-dtypes 0.3.2, NumPy 1.26.4, Python 3.11.
# Why it matters: whoever exports a TensorFlow model to ONNX has both in one environment, and no tool warns. Pin another release.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check onnx==1.19.0 ml-dtypes==0.3.2 numpy==1.26.4
"$place/venv/bin/pip" check --disable-pip-version-check
cd "$place"
venv/bin/python - <<'END'
from importlib.metadata import requires, version

asked = [each for each in requires("onnx") if each.replace("-", "_").startswith("ml_dtypes")]
print("onnx", version("onnx"), "asks for", asked, "and there is", version("ml_dtypes"))
assert asked == ["ml_dtypes"]
try:
    import onnx
except AttributeError as error:
    print("AttributeError:", error)
    assert "float4_e2m1fn" in str(error)
else:
    raise AssertionError(f"onnx {onnx.__version__} is imported now")
END
"$place/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --dest "$place" onnx==1.19.1
unzip -p "$place"/onnx-1.19.1-*.whl '*METADATA' | grep -i '^Requires-Dist: ml[-_]dtypes' | tee "$place/asked"
grep -q '>=' "$place/asked"
