"""A browser for the tests that need one."""

from __future__ import annotations

import pytest

WAY_OUT = "needs Chromium, its driver and Selenium: apt-get install chromium chromium-driver"


@pytest.fixture(scope="session")
def driver():
    pytest.importorskip("selenium", reason=WAY_OUT)
    from tests.report import browser

    if not browser.CHROMIUM or not browser.DRIVER:
        pytest.skip(WAY_OUT)
    started = browser.start()
    yield started
    started.quit()


@pytest.fixture
def browser(driver, tmp_path):
    from tests.report.browser import Browser

    return Browser(driver, tmp_path)
