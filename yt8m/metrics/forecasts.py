"""The metrics of predicted frames."""

import numpy as np


def forecast_metrics(sums: np.ndarray, size: int, is_free_of_scale: bool) -> dict[str, float | int]:
    """Computes the metrics of predicted frames from sums.

    Args:
        sums: a row for each number of frames ahead, float64 [N, 6]: the number of predictions, and sums over these and over
            the values of a frame: of the squares of targets, of the squared errors of the last frame, of those of the
            predictions, of the squares of predictions, and of predictions times targets.
        size: number of values of a frame.
        is_free_of_scale: give the predictions the one scale that has the least error, as only their directions were learned.

    Returns:
        `num_frames`, and the metrics of the task `frame` in `yt8m.metrics.registry`: means over the numbers of frames ahead.
    """
    count, squares, last, errors, predicted, product = sums.T
    if is_free_of_scale:
        errors = squares - np.square(product) / np.maximum(predicted, 1e-30)
    values = np.maximum(count, 1.0) * size
    mean_error, forecast_error = float(np.mean(squares / values)), float(np.mean(errors / values))
    return {
        "num_frames": int(count.sum()),
        "explained_variance": 1.0 - forecast_error / max(mean_error, 1e-30),
        "forecast_error": forecast_error,
        "last_frame_error": float(np.mean(last / values)),
        "mean_error": mean_error,
    }
