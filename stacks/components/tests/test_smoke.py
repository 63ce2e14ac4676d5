"""Every endpoint that says how a component is."""
import pytest

from conftest import PORTS


@pytest.mark.parametrize("component", PORTS)
@pytest.mark.parametrize("path, state", [("/health", "healthy"), ("/ready", "ready")])
def test_every_component_says_how_it_is(ask, component, path, state):
    status, body = ask(component, path)
    assert (status, body["component"], body["state"]) == (200, component, state)
