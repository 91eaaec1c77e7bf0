"""A page in headless Chromium, driven by Selenium: what a reader would see and do."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")


def start() -> Chrome:
    """A browser without a window, a profile or a cache of its own."""
    options = Options()
    options.binary_location = CHROMIUM or ""
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return Chrome(options=options, service=Service(DRIVER))


class Browser:
    """One driver for many pages; ``requests`` and ``messages`` are those of the page shown."""

    def __init__(self, driver: Chrome, folder: Path) -> None:
        self.driver, self.folder = driver, folder

    def open(self, html: str, *, width: int = 1280, dark: bool = False, name: str = "p") -> None:
        path = self.folder / f"{name}.html"
        path.write_text(html, encoding="utf-8")
        self.command(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", media="screen", features=[theme])
        for log in ("browser", "performance"):
            self.driver.get_log(log)
        self.driver.get(path.as_uri())

    def command(self, name: str, **arguments: Any) -> Any:
        return self.driver.execute_cdp_cmd(name, arguments)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def requests(self) -> list[str]:
        """Addresses that the page asked for, itself included."""
        events = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        wanted = "Network.requestWillBeSent"
        return [e["params"]["request"]["url"] for e in events if e["method"] == wanted]

    def messages(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def all(self, selector: str) -> list[Any]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        """The words of each element, in one call."""
        return list(
            self.run(
                "return [...document.querySelectorAll(arguments[0])].map(e => e.innerText.trim())",
                selector,
            )
        )

    def column(self, place: int) -> list[str]:
        """The cells of a column of the ranked table, counted from 1."""
        return self.texts(f"#ranked tbody td:nth-child({place})")

    def choose(self, selector: str, value: object) -> None:
        Select(self.one(selector)).select_by_value(str(value))

    def click(self, element: Any) -> None:
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def press(self, *keys: str) -> None:
        self.driver.switch_to.active_element.send_keys(*keys)

    def focused(self) -> str:
        """What has the focus: its id, or its words."""
        return str(
            self.run(
                "const e = document.activeElement;"
                "return e.id || e.getAttribute('aria-label') || e.textContent.trim()"
            )
        )

    def wait(self, condition: Any, seconds: float = 10) -> Any:
        return WebDriverWait(self.driver, seconds).until(lambda _: condition())

    def pdf(self) -> bytes:
        answer = self.command("Page.printToPDF", preferCSSPageSize=True)
        return base64.b64decode(answer["data"])


TAB, ENTER, RIGHT, DOWN, END = Keys.TAB, Keys.ENTER, Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.END
