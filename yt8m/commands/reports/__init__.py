"""Writes results as text for people."""

from yt8m.commands.reports.addresses import address_values, addresses, unanswered, write_addresses
from yt8m.commands.reports.clips import clips_found, clips_values
from yt8m.commands.reports.comparisons import compared, compared_values
from yt8m.commands.reports.data_sets import (
    converted,
    downloaded,
    downloaded_values,
    extractor_downloaded,
    extractor_to_download,
    extractor_values,
    made,
    made_values,
    split,
    synthesised,
    to_download,
    to_download_values,
)
from yt8m.commands.reports.expectations import recipes_explained, recipes_listed
from yt8m.commands.reports.extractions import extracted, pca_fitted
from yt8m.commands.reports.inspections import inspected, plotted
from yt8m.commands.reports.labels import labelled, labelled_values
from yt8m.commands.reports.profiles import profiled
from yt8m.commands.reports.run_tables import cleaned, runs_listed
from yt8m.commands.reports.runs import (
    cross_validated,
    ensembled,
    exported,
    predicted,
    predicted_values,
    steps_done,
    trained,
    weighed,
)
from yt8m.commands.reports.scored import best_and_worst, calibrated, scores, upload, upload_values
from yt8m.commands.reports.searches import hit_values, hits, index_changed, index_problems, index_values, unknown_words
from yt8m.commands.reports.studies import trial_value, tuned, tuned_values
from yt8m.commands.reports.tables import table
from yt8m.commands.reports.videos import viewed, viewed_values

__all__ = [
    "address_values",
    "addresses",
    "best_and_worst",
    "calibrated",
    "cleaned",
    "clips_found",
    "clips_values",
    "compared",
    "compared_values",
    "converted",
    "cross_validated",
    "downloaded",
    "downloaded_values",
    "ensembled",
    "exported",
    "extracted",
    "extractor_downloaded",
    "extractor_to_download",
    "extractor_values",
    "hit_values",
    "hits",
    "index_changed",
    "index_problems",
    "index_values",
    "inspected",
    "labelled",
    "labelled_values",
    "made",
    "made_values",
    "pca_fitted",
    "plotted",
    "predicted",
    "predicted_values",
    "profiled",
    "recipes_explained",
    "recipes_listed",
    "runs_listed",
    "scores",
    "split",
    "steps_done",
    "synthesised",
    "table",
    "to_download",
    "to_download_values",
    "trained",
    "trial_value",
    "tuned",
    "tuned_values",
    "unanswered",
    "unknown_words",
    "upload",
    "upload_values",
    "viewed",
    "viewed_values",
    "weighed",
    "write_addresses",
]
