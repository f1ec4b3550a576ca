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
    if folder is not None and name != "yt8m":
        raise InputError(f"network {name} takes no folder; that is for yt8m")
    if weights is not None and not name.startswith("keras:"):
        raise InputError(f"network {name} takes no file of weights; that is for keras:NAME")
    for path in (weights, pca):  # told now, as loading takes seconds
        if path is not None and not os.path.exists(path):
            raise InputError(f"{os.fspath(path)}: no such file; it was given for network {name}")
    network = _load(name, folder, weights)
    if pca is None:
        return network
    from yt8m.extracting.networks.projections import Whitened

    return Whitened(network, pca)


def _load(name: str, folder: PathText | None, weights: PathText | None) -> Network:
    if name == "yt8m":
        from yt8m.extracting.networks.published import PublishedNetwork

        return PublishedNetwork(folder)
    if name == DEFAULT:
        from yt8m.extracting.networks.efficientnet import EfficientNetLite0

        return EfficientNetLite0()
    if name.startswith("keras:"):
        from yt8m.extracting.networks.applications import KerasApplication

        return KerasApplication(name, weights)
    if ":" in name:
        from yt8m.extracting.networks.functions import FunctionNetwork

        return FunctionNetwork(name)
    raise InputError(f"unknown network {name!r}; it must be {HOW}")
