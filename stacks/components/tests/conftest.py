"""What the checks share: one way to ask a component over HTTP."""
import json
import urllib.error
import urllib.request

import pytest

PORTS = {"operate-ui": 7001, "runtime": 7002, "engine": 7003}


@pytest.fixture
def ask():
    """ask(component, path, body=None) -> (status, body as JSON or text)."""

    def ask(component, path, body=None):
        url = f"http://{component}:{PORTS[component]}{path}"
        try:
            answer = urllib.request.urlopen(url, data=body and body.encode(), timeout=10)
        except urllib.error.HTTPError as error:
            answer = error
        text = answer.read().decode()
        is_json = answer.headers["Content-Type"] == "application/json"
        return answer.status, json.loads(text) if is_json else text

    return ask
