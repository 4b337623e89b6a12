"""A headless Chromium and its pages, driven by its own protocol through two pipes: no port, no library, no driver."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

UNPACKED = Path(__file__).resolve().parents[2] / ".services" / "chromium"
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
#: for everything that is waited for: long, because the machine may be busy with other things
PATIENCE_SECONDS = 60.0
_OPTIONS = (
    "--headless",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--lang=en",
)

#: moves two descriptors to where Chromium expects its pipes (away first, out of each other's place), and becomes it
_ON_3_AND_4 = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for place, end in enumerate(ends, 3):
    os.dup2(end, place)
    os.close(end)
os.execv(sys.argv[3], sys.argv[3:])
"""


def program() -> list[str] | None:
    """The command that starts it: unpacked by `make services`, or on PATH; None without either."""
    unpacked = UNPACKED / "usr" / "lib" / "chromium" / "chromium-headless-shell"
    if unpacked.is_file():
        return [str(unpacked)]
    found = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    return None if found is None else [found]


def environment(home: Path) -> dict[str, str]:
    """The libraries that were unpacked beside it, and a home of its own."""
    libraries = [str(path) for path in (UNPACKED / "usr" / "lib").glob("*-linux-gnu*")]
    inner = [f"{path}/pulseaudio" for path in libraries]
    others = [part for part in os.environ.get("LD_LIBRARY_PATH", "").split(":") if part]
    proxies = {name for name in os.environ if name.lower().endswith("_proxy")}
    kept = {name: value for name, value in os.environ.items() if name not in proxies}
    return {**kept, "HOME": str(home), "LD_LIBRARY_PATH": ":".join([*libraries, *inner, *others])}


class BrowserFailed(Exception):
    """It did not start, answer or do what it was asked."""


class BrowserGone(BrowserFailed):
    """Its process ended or hangs: nothing that says anything about the page."""


class Browser:
    """One process; a context manager.  Messages are JSON ended by a null byte, on its descriptors 3 and 4."""

    def __init__(self, folder: Path) -> None:
        """folder: for its profile.  Raises BrowserFailed when it does not start."""
        command = program()
        if command is None:
            raise BrowserFailed("there is no Chromium")
        to_read, self._to = os.pipe()
        self._from, to_write = os.pipe()
        # root may not use the sandbox; what is opened here is our own
        options = [*_OPTIONS, f"--user-data-dir={folder}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        self._log = (folder.parent / f"{folder.name}.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-c", _ON_3_AND_4, str(to_read), str(to_write), *command, *options],
            pass_fds=(to_read, to_write),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=environment(folder),
        )
        os.close(to_read)
        os.close(to_write)
        self._buffer = b""
        self._number = 0
        self._events: dict[str, list[dict[str, Any]]] = {}
        try:
            self.command("Browser.getVersion")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process, its own only."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        os.close(self._to)
        os.close(self._from)
        self._log.close()

    def page(self) -> Page:
        """A new empty page, with nothing kept from the others."""
        context = self.command("Target.createBrowserContext")["browserContextId"]
        target = self.command("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Page(self, session, target)

    def command(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Ask for something and wait for the answer.  Raises BrowserFailed."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        try:
            os.write(self._to, json.dumps(message).encode() + b"\0")
        except OSError as error:
            raise BrowserGone(f"Chromium ended: {error.strerror}") from error
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self._message(deadline)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise BrowserFailed(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result
            self._keep(answer)

    def events(self, session: str, method: str) -> list[dict[str, Any]]:
        """What happened so far of one kind on a page."""
        self.command("Browser.getVersion")  # whatever was said before this answer has been read by then
        kept = self._events.get(session, [])
        return [event["params"] for event in kept if event["method"] == method]

    def _keep(self, message: dict[str, Any]) -> None:
        if "method" in message:
            self._events.setdefault(message.get("sessionId", ""), []).append(message)

    def _message(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._from], [], [], max(0.0, deadline - time.monotonic()))
            part = os.read(self._from, 1 << 16) if ready else b""
            if not part:
                raise BrowserGone("Chromium ended, or does not answer")
            self._buffer += part
        whole, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(whole)
        return message


class Page:
    """A page of a browser; records what it asks the network for, and what it complains of."""

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self._browser = browser
        self._session = session
        self._target = target
        for domain in ("Page", "Network", "Log", "Runtime", "Accessibility", "DOM"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the protocol, to this page."""
        return self._browser.command(method, self._session, **parameters)

    def events(self, method: str) -> list[dict[str, Any]]:
        """What happened so far of one kind."""
        return self._browser.events(self._session, method)

    def before_scripts(self, script: str) -> None:
        """Run this in every document before its own scripts."""
        self.ask("Page.addScriptToEvaluateOnNewDocument", source=script)

    def open(self, url: str) -> Page:
        """Go there, and wait until it is loaded."""
        loads = len(self.events("Page.loadEventFired"))
        failed = self.ask("Page.navigate", url=url).get("errorText")
        if failed:
            raise BrowserFailed(f"{url}: {failed}")
        until(lambda: len(self.events("Page.loadEventFired")) > loads)
        return self

    def run(self, expression: str) -> Any:
        """What a JavaScript expression is; a promise is awaited.  Raises BrowserFailed when it throws."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise BrowserFailed(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def wait(self, expression: str) -> None:
        """Wait until an expression is true."""
        until(lambda: bool(self.run(expression)))

    def press(self, key: str) -> None:
        """A key, down and up."""
        codes = {"Tab": 9, "Enter": 13}
        for kind in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key])

    def requested(self) -> list[str]:
        """Every address asked for, in order."""
        return [event["request"]["url"] for event in self.events("Network.requestWillBeSent")]

    def complaints(self) -> list[str]:
        """What its console says: errors of scripts, and what the policy forbade."""
        logged = [event["entry"]["text"] for event in self.events("Log.entryAdded")]
        return logged + [str(event["exceptionDetails"]) for event in self.events("Runtime.exceptionThrown")]

    def screenshot(self, path: Path, width: int, height: int) -> None:
        """The top of the page, as a PNG."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))

    def close(self) -> None:
        self._browser.command("Target.closeTarget", targetId=self._target)


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition.  Raises BrowserFailed when it does not come."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise BrowserFailed("what was waited for did not happen")
        time.sleep(0.02)
