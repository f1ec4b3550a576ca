"""Finds the network that made the features a run was trained on, and compares."""

from collections.abc import Mapping
from typing import Any

from yt8m.config import RunConfig
from yt8m.data.extraction import NetworkChoice, find_extraction, read_extraction
from yt8m.data.features import Feature, parse_features, texts_of
from yt8m.errors import InputError
from yt8m.extracting.extracted import Options
from yt8m.extracting.networks.network import Network
from yt8m.extracting.networks.registry import load_network


def network_of(
    run: str, config: RunConfig, records: str | None, choice: NetworkChoice | None
) -> tuple[Network, Options]:
    """Loads the network whose features a run reads, and says how its rows become bytes.

    Args:
        run: the run directory, for messages.
        config: its configuration.
        records: a file of its training records; None = they are gone.
        choice: the network to use; None = the one that `extraction.json` at the root of the run's training records names.

    Raises:
        InputError: nothing says which network it is; the network cannot be loaded; or its features are not those that the run
            was trained on, by name, size, type, or by the identity of the network.
    """
    found = find_extraction(records) if records else None
    extraction = read_extraction(found) if found else None
    if choice is None and extraction is None:
        raise InputError(
            f"{run}: nothing says which network made the features it was trained on, as there is no extraction.json at the root "
            "of its training records; name it with --network"
        )
    choice = choice or extraction.network
    network = load_network(choice.name, folder=choice.folder, weights=choice.weights, pca=choice.pca)
    _require_features(run, config, network)
    if extraction is not None and (others := _differences(extraction.identity, network.identity)):
        raise InputError(
            f"{network.name}: is not the network that made the features {run} was trained on, or has changed: {found} has "
            f"another {' and '.join(others)}; name that network with --network"
        )
    return network, Options(rounding=extraction.rounding if extraction else Options.rounding)


def _require_features(run: str, config: RunConfig, network: Network) -> None:
    wanted = parse_features(config.data.features)
    given = {each.name: each for each in network.features}
    lacking = [each for each in wanted if not _are_alike(each, given.get(each.name))]
    if lacking:
        raise InputError(
            f"{run}: reads {', '.join(texts_of(wanted))}, and {network.name} gives {', '.join(texts_of(network.features))}; name "
            "another network with --network, or another run"
        )


def _are_alike(wanted: Feature, given: Feature | None) -> bool:
    return given is not None and (wanted.size, wanted.storage, wanted.low, wanted.high) == (
        given.size,
        given.storage,
        given.low,
        given.high,
    )


def _differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The keys of two identities that have different values, or are only in one."""
    return [key for key in dict.fromkeys([*one, *other]) if one.get(key) != other.get(key)]
