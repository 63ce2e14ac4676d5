"""The page, in a real browser."""
import base64
import time

import pytest

from webdriver import Browser


@pytest.fixture(scope="module")
def browser():
    browser = Browser()
    yield browser
    with open("/reports/page.png", "wb") as file:
        file.write(base64.b64decode(browser.screenshot()))
    browser.close()


@pytest.fixture
def page(browser):
    browser.open("http://operate-ui:7001/")
    return browser


def eventually(check, limit=20):
    end = time.monotonic() + limit
    while not (value := check()):
        assert time.monotonic() < end, f"not within {limit} s"
        time.sleep(0.1)
    return value


def test_a_job_that_is_typed_in_appears_with_its_value(page):
    page.type("input", "12 * (3 + 4)")
    page.click("button")
    eventually(lambda: "12 * (3 + 4) 84" in page.text("#jobs"))
    assert page.text("#message") == ""


def test_the_job_is_still_there_when_the_page_is_opened_again(page):
    page.type("input", "5 - 8")
    page.click("button")
    eventually(lambda: "5 - 8 -3" in page.text("#jobs"))
    page.open("http://operate-ui:7001/")
    eventually(lambda: "5 - 8 -3" in page.text("#jobs"))


def test_what_is_wrong_is_said_on_the_page(page):
    page.type("input", "2 * x")
    page.click("button")
    assert eventually(lambda: page.text("#message")) == "`x` at position 5 is no number"
    assert "2 * x" not in page.text("#jobs")


def test_text_from_outside_is_text(page):
    page.type("input", "<b>1</b>")
    page.click("button")
    assert "`<` at position 1" in eventually(lambda: page.text("#message"))
