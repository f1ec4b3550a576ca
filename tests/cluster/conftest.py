"""Tests that run Apache Beam ask for `beam`; where it is not installed they are left out."""

import pytest
from job_services import job_service, retried_bundles

__all__ = ["job_service", "retried_bundles"]


@pytest.fixture(scope="session")
def beam():
    """The module `apache_beam`."""
    pytest.importorskip("apache_beam", reason="Apache Beam is not installed here: pip install 'yt8m[beam]'")
    from yt8m.cluster.options import load_beam

    load_beam()
    import apache_beam

    return apache_beam


@pytest.fixture
def status_of():
    """Runs a command in this process, and returns its exit status."""
    from yt8m.cli import main

    def run(*arguments) -> int:
        with pytest.raises(SystemExit) as caught:
            main([*map(str, arguments), "--verbose"])
        return caught.value.code

    return run
