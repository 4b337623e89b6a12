"""One Chromium for all tests of this folder.

Where there is none, or it ends by itself, they are skipped, and that is no failure anywhere: everything about the pages
that can be known without a browser is tested without one.
"""

from collections.abc import Generator, Iterator
from contextlib import suppress

import pytest

from tests.browser.chromium import Browser, BrowserFailed, BrowserGone, Page, program


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A browser that ended by itself skips the test that it ended in, saying so."""
    report = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, BrowserGone):
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 0, f"Skipped: {call.excinfo.value}")
    return report


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
    with suppress(BrowserGone):
        page.close()
