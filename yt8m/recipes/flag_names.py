"""Which flag a user means by an unknown name: names from other programs, such as the starter code."""

import difflib
import re
from collections.abc import Collection

_ALL_GPUS = "all GPUs are used; CUDA_VISIBLE_DEVICES=0,1 chooses some"
_OWN_BATCHES = "the program chooses how many records to read at a time, which changes no result"
_LEVEL = "the recipe says which records to read; moe and logistic read video level, the others frames"

_MEANT: tuple[tuple[str, str, str], ...] = (
    # Names in other programs; our flags, of which the error names the first that the command has; a remark.
    ("lr base-learning-rate initial-learning-rate eta", "--training.learning-rate", ""),
    ("steps num-steps max-steps total-steps train-steps iterations iters max-iter", "--training.num-steps", ""),
    ("epochs num-epochs max-epochs n-epochs epoch", "--training.num-epochs", ""),
    ("batch-size batch bs b train-batch-size mini-batch-size", "--training.batch-size", ""),
    ("batch-size batch bs b", "", _OWN_BATCHES),
    ("gpus gpu num-gpu num-gpus n-gpu n-gpus devices device cuda accelerator", "--distribute.strategy", _ALL_GPUS),
    ("workers num-workers threads num-readers", "--jobs --data.parallel-files --num-workers", ""),
    ("n-jobs parallel", "--jobs", ""),
    ("n-trials num-trials max-trials", "--trials", ""),
    ("fp16 bf16 bfloat16 amp half mixed-precision", "--training.precision --float16", ""),
    ("patience early-stop", "--training.early-stopping", ""),
    (
        "save-every save-interval save-steps checkpoint-interval save-checkpoint-every-n-step",
        "--training.checkpoint-every-steps",
        "",
    ),
    ("eval-every eval-interval eval-steps val-interval validate-every", "--training.validate-every-steps", ""),
    ("clip grad-clip gradient-clip clip-gradient-norm max-grad-norm", "--training.clip-norm", ""),
    ("accumulate grad-accum accumulation-steps gradient-accumulation-steps", "--training.gradient-accumulation", ""),
    ("optim opt", "--training.optimizer", ""),
    ("wd", "--training.weight-decay", ""),
    ("warmup", "--training.warmup-steps", ""),
    ("frozen frozen-layers freeze-layers", "--training.freeze", ""),
    ("lr-multipliers layer-lr lr-mult", "--training.learning-rates", ""),
    ("lr-decay gamma learning-rate-decay-rate", "--training.learning-rate-decay", ""),
    ("ema", "--training.ema-decay", ""),
    ("jit compile", "--training.xla", ""),
    ("regularization-penalty l2-penalty weight-penalty", "--model.l2", ""),
    ("moe-num-mixtures mixtures experts", "--model.num-mixtures", ""),
    ("netvlad-cluster-size dbof-cluster-size cluster-size clusters", "--model.num-clusters", ""),
    ("netvlad-hidden-size dbof-hidden-size hidden units lstm-cells", "--model.hidden-size", ""),
    ("label-loss criterion", "--loss", ""),
    ("frame-features", "", _LEVEL),
    ("feature-names feature", "--data.features", ""),
    ("feature-sizes", "--data.features", "with each size behind its name, rgb:1024,audio:128"),
    ("classes n-classes num-labels vocab-size", "--data.num-classes --num-classes", ""),
    ("frames n-frames", "--data.num-frames --num-frames", ""),
    ("resume restore continue", "", "the same command resumes the run in its directory"),
    ("start-new-model overwrite", "", "a new run has a new --run"),
    ("train-data train-data-pattern train-path train-files training-data", "--data.train", ""),
    ("eval-data eval-data-pattern validation validation-data val val-data valid", "--data.validate --data", ""),
    ("test test-data input-data-pattern", "--data.test --data", ""),
    ("data dataset data-dir data-path data-root input input-dir root", "--data.root --data", ""),
    ("files paths path inputs input-path", "--data --data.train", ""),
    ("train-dir model-dir run-dir log-dir logdir experiment", "--run", ""),
    ("checkpoint ckpt checkpoint-path model model-path weights load init", "--training.initial-run --run", ""),
    (
        "output outputs output-file output-path output-dir out-dir out o save save-dir dest dir directory",
        "--out --run",
        "",
    ),
    ("topk k", "--top-k", ""),
    ("comp c", "--competition", ""),
    ("msg m description", "--message", ""),
    ("submission", "--out", ""),
)


def meant_by(name: str, known: Collection[str]) -> str:
    """A hint for an unknown flag, as the second half of a sentence; empty if no flag is similar.

    Args:
        name: the flag as typed, such as `--lr`, `--training.lr` or `-b`.
        known: the flags of the command.
    """
    typed = name.lstrip("-").lower().replace("_", "-")
    last = typed.rpartition(".")[2]
    same = [flag for flag in known if flag.rpartition(".")[2].lstrip("-") == last]
    if same:
        return f"did you mean {same[0]}?"
    for names, flags, remark in _MEANT:
        if last in names.split():
            found = next((flag for flag in flags.split() if flag in known), None)
            if found:
                return f"did you mean {found}{f' ({remark})' if remark else ''}?"
            if not flags:
                return remark
    near = difflib.get_close_matches(f"--{typed}", list(known), 1) or _near_last(last, known)
    return f"did you mean {near[0]}?" if near else ""


def _near_last(last: str, known: Collection[str]) -> list[str]:
    """The flag whose last part is the most similar, if any."""
    parts = {re.sub(r"^-+", "", flag.rpartition(".")[2]): flag for flag in known}
    return [parts[part] for part in difflib.get_close_matches(last, list(parts), 1, cutoff=0.75)]
