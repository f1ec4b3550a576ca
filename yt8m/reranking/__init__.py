"""Small networks that score a video's best classes once more, by what several models say of all of them together.

A model scores each class for itself. So it does not know that its .3 is worth more for a frequent class than for a rare one, or
beside other classes of .9. The networks learn this from labelled videos (stacked generalization, Wolpert 1992). NumPy alone;
`yt8m.layers.reranking` has the same networks as a layer.
"""

from yt8m.reranking.fitting import fit_reranker
from yt8m.reranking.reranker import Reranker

__all__ = ["Reranker", "fit_reranker"]
