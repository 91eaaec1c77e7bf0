"""A browser for the tests that need one, and a page of the usual size."""

from __future__ import annotations

from dataclasses import replace

import pytest

from onnxtaylor.views.report import html
from tests.views.plot.figures import CMS, HIGGS

WAY_OUT = "needs Chromium, its driver and Selenium: apt-get install chromium chromium-driver"


@pytest.fixture(scope="session")
def driver():
    pytest.importorskip("selenium", reason=WAY_OUT)
    from tests.views.report import browser

    if not browser.CHROMIUM or not browser.DRIVER:
        pytest.skip(WAY_OUT)
    started = browser.start()
    yield started
    started.quit()


@pytest.fixture
def browser(driver, tmp_path):
    from tests.views.report.browser import Browser

    return Browser(driver, tmp_path)


@pytest.fixture(scope="session")
def result(make_result):
    """30 features, five responses and as many classes."""
    made = make_result(HIGGS, CMS, CMS, scale="sigma")
    return replace(made, numerical_error=made.score * 1e-6)


@pytest.fixture(scope="session")
def page(result):
    return html(result)
