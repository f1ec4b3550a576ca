"""Training, evaluation and submissions for YouTube-8M and features in its format.

The public names load what they need when they are first used: `import yt8m.metrics` does not import TensorFlow.
"""

import importlib
import os

__version__ = "0.1.0"

# Without AVX-512, TensorFlow leaves oneDNN off. Products are slower then, and every large tensor is fresh memory, which the
# system fills with zeros. TensorFlow asks for this when it is imported.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

# No module may have the name of a function here: importing it would put the module in the function's place.
_PUBLIC = {
    "Progress": "yt8m.progress",
    "build_model": "yt8m.models",
    "evaluate": "yt8m.scoring.evaluation",
    "export": "yt8m.exporting.exporting",
    "list_models": "yt8m.models",
    "list_recipes": "yt8m.recipes",
    "list_runs": "yt8m.runs.listing",
    "load_metrics": "yt8m.runs.metrics",
    "load_run": "yt8m.runs.model",
    "load_trials": "yt8m.tuning.trials",
    "make_config": "yt8m.recipes",
    "metrics": "yt8m.metrics",
    "predict": "yt8m.predicting.prediction",
    "read_batches": "yt8m.data.arrays",
    "read_records": "yt8m.data.pipeline",
    "read_submission": "yt8m.submission.tables",
    "train": "yt8m.training.loop",
    "unpack": "yt8m.exporting.archives",
}

__all__ = sorted([*_PUBLIC, "__version__"])


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'yt8m' has no attribute {name!r}")
    module = importlib.import_module(_PUBLIC[name])
    return module if name == "metrics" else getattr(module, name)


def __dir__() -> list[str]:
    return __all__
