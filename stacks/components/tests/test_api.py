"""The components over HTTP, each by itself and through the others."""


def test_the_engine_works_out_an_expression(ask):
    assert ask("engine", "/evaluate", "(1 + 2) * 3") == (200, {"expression": "(1 + 2) * 3", "value": 9})


def test_a_job_goes_through_all_three(ask):
    assert ask("operate-ui", "/api/jobs", "6 * 7") == (201, {"expression": "6 * 7", "value": 42})
    status, jobs = ask("runtime", "/jobs")
    assert status == 200 and {"expression": "6 * 7", "value": 42} in jobs


def test_what_the_engine_refuses_reaches_the_caller(ask):
    status, body = ask("operate-ui", "/api/jobs", "6 / 0")
    assert (status, body) == (400, {"error": "division by zero"})


def test_there_is_nothing_elsewhere(ask):
    status, body = ask("runtime", "/other")
    assert status == 404 and "nothing" in body["error"]
