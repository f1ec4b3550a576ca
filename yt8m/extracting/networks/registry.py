"""Networks by the names that users type for them.

`yt8m`                  the published networks, from a folder that `yt8m download extractor` fills
`efficientnet-lite0`    from an installed package; nothing is fetched
`keras:NAME`            a network of `keras.applications`, `keras:EfficientNetV2B0` say
`module:function`       one's own
"""

import os

from yt8m.errors import InputError
from yt8m.extracting.networks.network import Network

DEFAULT = "efficientnet-lite0"
"""The network where no folder is given."""
HOW = "yt8m, efficientnet-lite0, keras:NAME (keras:EfficientNetV2B0, say), or MODULE:FUNCTION of your own"

PathText = str | os.PathLike[str]


def load_network(
    name: str,
    *,
    folder: PathText | None = None,
    weights: PathText | None = None,
    pca: PathText | None = None,
) -> Network:
    """Loads a network.

    Args:
        name: one of the forms above.
        folder: with `yt8m`, the folder of the published files.
        weights: with `keras:NAME`, a file of its weights; None = those that Keras fetches.
        pca: a file of `yt8m extract --fit-pca`, fitted to this network's values; None = values as they are.

    Raises:
        InputError: there is no such network, or a file is missing, damaged, or of another network.
    """
    if ":" in name and not name.startswith("keras:"):
        from yt8m.extracting.networks.functions import FunctionNetwork

        return FunctionNetwork(name)
    raise InputError(f"unknown network {name!r}; it must be {HOW}")
