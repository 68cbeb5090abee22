"""A headless Chromium, told what to do through its debugging pipe: no driver, no network."""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path


def program():
    """Chromium's path, or None."""
    return os.environ.get("CIPHERFIT_CHROMIUM") or shutil.which("chromium")


class Chromium:
    """A browser with one page. Use as a context manager."""

    def __init__(self, patience=120):
        self.patience = patience
        self.home = tempfile.TemporaryDirectory(prefix="cipherfit-chromium-",
                                                 ignore_cleanup_errors=True)
        to_browser, self.out = os.pipe()
        self.into, from_browser = os.pipe()

        # The browser reads commands on descriptor 3 and writes answers on 4.
        def place_descriptors():
            first, second = os.dup(to_browser), os.dup(from_browser)
            os.dup2(first, 3)
            os.dup2(second, 4)

        self.process = subprocess.Popen(
            [program(), "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
             "--disable-background-networking", f"--user-data-dir={self.home.name}",
             "--remote-debugging-pipe", "about:blank"],
            preexec_fn=place_descriptors, close_fds=False, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.pending, self.number, self.session, self.events = b"", 0, None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target,
                                 flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.out)
        os.close(self.into)
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.home.cleanup()

    def message(self):
        """The next message of the browser."""
        while b"\0" not in self.pending:
            ready, _, _ = select.select([self.into], [], [], self.patience)
            data = os.read(self.into, 1 << 20) if ready else b""
            if not data:
                raise RuntimeError("Chromium ended or does not answer")
            self.pending += data
        line, self.pending = self.pending.split(b"\0", 1)
        return json.loads(line)

    def call(self, method, **parameters):
        self.number += 1
        command = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            command["sessionId"] = self.session
        os.write(self.out, json.dumps(command).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") != self.number:
                self.events.append(answer)
            elif "error" in answer:
                raise RuntimeError(f"{method}: {answer['error']}")
            else:
                return answer["result"]

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(str(result["exceptionDetails"]))
        return result["result"].get("value")

    def open(self, path, width, dark):
        """Loads the file at that width; `events` holds what was heard since."""
        self.events = []
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900,
                  deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Page.navigate", url=Path(path).resolve().as_uri())
        end = time.monotonic() + self.patience
        while self.evaluate("document.readyState") != "complete":
            if time.monotonic() > end:
                raise RuntimeError(f"{path} does not load")
            time.sleep(0.05)
        # Two frames: what a change of size draws again is drawn.
        self.call("Runtime.evaluate", awaitPromise=True, expression=(
            "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"))

    def complaints(self):
        """Errors and warnings of the console, and exceptions, since open()."""
        found = []
        for event in self.events:
            method, detail = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(str(detail["exceptionDetails"]))
            elif method == "Log.entryAdded":
                found.append(detail["entry"]["text"])
            elif method == "Runtime.consoleAPICalled" and detail["type"] in ("error", "warning"):
                found.append(str(detail["args"]))
        return found

    def requests(self):
        """The addresses that were asked for since open()."""
        return [event["params"]["request"]["url"] for event in self.events
                if event.get("method") == "Network.requestWillBeSent"]

    def screenshot(self, path, whole=True, height=None):
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"],
                "height": height or size["height"], "scale": 1}
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole,
                         clip=clip)["data"]
        Path(path).write_bytes(base64.b64decode(data))
