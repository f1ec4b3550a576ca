"""The flags that name a network, which several commands have: --network, --folder, --weights and --pca."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yt8m.data.extraction import NetworkChoice
    from yt8m.extracting.networks.network import Network


def network_choice(network: str | None, folder: str | None, weights: str | None, pca: str | None) -> "NetworkChoice":
    """The network that flags name, with absolute paths: yt8m if only its folder is given, and the default without either."""
    from yt8m.data.extraction import NetworkChoice
    from yt8m.extracting.networks.registry import DEFAULT

    files = {"folder": folder, "weights": weights, "pca": pca}
    files = {name: None if path is None else os.path.abspath(path) for name, path in files.items()}
    return NetworkChoice(network or ("yt8m" if folder else DEFAULT), **files)


def load_chosen(choice: "NetworkChoice") -> "Network":
    """Loads a network. Look for mistyped paths before, as this may take seconds."""
    import dataclasses

    from yt8m.extracting.networks.registry import load_network

    return load_network(**dataclasses.asdict(choice))
