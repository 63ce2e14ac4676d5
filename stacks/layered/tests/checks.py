"""The application, asked by somebody else. Prints a line a check; fails if one fails."""
import json
import pathlib
import sys
import urllib.error
import urllib.request

failed = 0


def get(path, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = urllib.request.urlopen(urllib.request.Request(f"http://app:8080{path}", headers=headers), timeout=10)
    except urllib.error.HTTPError as error:
        answer = error
    return answer.status, answer.read().decode()


def check(name, good, output):
    global failed
    print(f"{'ok     ' if good else 'FAILED '} {name}" + ("" if good else f": {output}"))
    failed += not good


status, page = get("/")
check("the page greets as the configuration layer says", status == 200 and "Hello from the desk" in page, page)
status, health = get("/health")
check("it says which site it is", status == 200 and json.loads(health)["site"] == "desk", health)
status, said = get("/private")
check("nobody sees what is private", status == 401 and "desk" not in said, said)
status, said = get("/private", pathlib.Path("/run/secrets/token").read_text())
check("who has the token does", status == 200 and json.loads(said)["private"], said)
sys.exit(failed > 0)
