"""One Chromium for all tests of this folder; where there is none they are skipped, and that is no failure anywhere."""

from collections.abc import Iterator

import pytest

from tests.browser.chromium import Browser, BrowserFailed, Page, program


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that lives as long as the session."""
    if program() is None:
        pytest.skip("Chromium is not here; `make services` brings it where apt-get can, or install chromium")
    try:
        started = Browser(tmp_path_factory.mktemp("chromium"))
    except (BrowserFailed, OSError) as error:
        pytest.skip(f"Chromium is here, but does not start: {error}")
    with started:
        yield started


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """A page of its own."""
    page = browser.page()
    yield page
    page.close()
