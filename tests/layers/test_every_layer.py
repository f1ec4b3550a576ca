"""`yt8m.layers.every` is what Keras needs to load a model from its own file."""

from pathlib import Path

import yt8m.layers
from yt8m.layers import every


def test_every_module_with_layers_is_imported():
    folder = Path(yt8m.layers.__file__).parent
    modules = {path.stem for path in folder.glob("*.py") if "\n@serialisable\n" in path.read_text()}
    assert modules == set(every.__all__)
