"""Makes the pictures of the README anew: `python -m tools.screenshots docs/images` (needs Chromium: `make services`).

The status page is that of the demonstration when all its flights have been read; the report is of the demonstration's
winter.  About a minute.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from monitor.demo.flights import DATA
from tests.browser.chromium import Browser

WIDTH, HEIGHT = 1180, 860
REPORT_HEIGHT = 1060
PATIENCE_SECONDS = 180.0


def main(arguments: list[str]) -> int:
    """Write status.png and report.png into a directory."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m tools.screenshots DIRECTORY\n")
        return 2
    images = Path(arguments[0])
    images.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="driftgauge-screenshots-") as name:
        folder = Path(name)
        with Browser(folder / "chromium") as browser:
            _status(browser, folder, images / "status.png")
            _report(browser, folder, images / "report.png")
    return 0


def _status(browser: Browser, folder: Path, image: Path) -> None:
    with (folder / "demo.log").open("w") as log:
        demo = subprocess.Popen([sys.executable, "-m", "monitor", "demo", "--keep"], stdout=log, stderr=log)
    try:
        url = _url(folder / "demo.log", demo)
        page = browser.page().open(url)
        page.wait("document.querySelectorAll('td.shape svg').length > 0")  # the loop has drawn what is looked at
        page.screenshot(image, WIDTH, HEIGHT)
    finally:
        demo.terminate()  # Ctrl-C is not heard where a shell runs it in the background
        demo.wait()


def _url(log: Path, demo: subprocess.Popen[bytes]) -> str:
    """Where the demonstration answers, when it has shown everything."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while demo.poll() is None and time.monotonic() < deadline:
        for line in log.read_text().splitlines():
            if line.startswith("The daemon goes on: "):
                return line.split()[4].removesuffix("/metrics")
        time.sleep(0.2)
    raise SystemExit(f"the demonstration did not come to its end:\n{log.read_text()}")


def _report(browser: Browser, folder: Path, image: Path) -> None:
    flights = folder / "winter.jsonl"
    flights.write_bytes(gzip.decompress((DATA / "winter.live.jsonl.gz").read_bytes()))
    report = folder / "report.html"
    profile = DATA / "winter.profile.json"
    words = ["replay", str(flights), "--profile", str(profile), "--report", str(report)]
    subprocess.run([sys.executable, "-m", "monitor", *words], check=True, stdout=subprocess.DEVNULL)
    page = browser.page().open(report.as_uri())
    # the table of streams is plain; the plots are what words cannot say
    page.run("document.querySelectorAll('tbody tr:nth-child(n+4)').forEach((row) => row.remove())")
    page.screenshot(image, WIDTH, REPORT_HEIGHT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
