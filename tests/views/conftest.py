"""Chromium, for tests that open pages."""

import shutil

import pytest

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture(scope="module")
def chromium():
    """The path of Chromium."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("there is no Chromium; install it with: apt-get install chromium")
    return found


@pytest.fixture(scope="module")
def launch(chromium, tmp_path_factory):
    """Starts Chromium with an empty profile of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:

        def started(**options):
            profile = tmp_path_factory.mktemp("profile")
            return playwright.chromium.launch_persistent_context(
                profile, executable_path=chromium, args=FLAGS, **options
            )

        yield started


@pytest.fixture(scope="module")
def browser(launch):
    """Chromium."""
    context = launch()
    yield context
    context.close()
