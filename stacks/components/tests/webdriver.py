"""As much of W3C WebDriver as the checks need, spoken to ChromeDriver: https://www.w3.org/TR/webdriver2/"""
import json
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
# No sandbox of its own inside of a container's, nobody to call at home.
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]


class Browser:
    def __init__(self, port=9515):
        self.base = f"http://127.0.0.1:{port}"
        self.profile = tempfile.TemporaryDirectory()
        self.driver = subprocess.Popen(["chromedriver", f"--port={port}", "--log-level=WARNING"])
        try:
            self.await_driver()
            options = {"binary": "/usr/bin/chromium", "args": [*FLAGS, f"--user-data-dir={self.profile.name}"]}
            capabilities = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}
            session = self.call("POST", "/session", {"capabilities": capabilities})
            self.base += f"/session/{session['sessionId']}"
        except BaseException:
            self.end_driver()
            raise

    def await_driver(self):
        for _ in range(300):
            try:
                if self.call("GET", "/status")["ready"]:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise TimeoutError("chromedriver is not ready after 30 s")

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            answer = urllib.request.urlopen(request, timeout=60)
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None
        return json.load(answer)["value"]

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def find(self, selector):
        return self.call("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def type(self, selector, text):
        self.call("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def click(self, selector):
        self.call("POST", f"/element/{self.find(selector)}/click", {})

    def text(self, selector):
        return self.call("GET", f"/element/{self.find(selector)}/text")

    def screenshot(self):
        """PNG, in base64."""
        return self.call("GET", "/screenshot")

    def end_driver(self):
        self.driver.terminate()
        self.driver.wait(20)
        self.profile.cleanup()

    def close(self):
        try:
            self.call("DELETE", "")
        finally:
            self.end_driver()
