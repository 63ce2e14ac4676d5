"""A page that says where it runs, as the configuration layer of its image tells."""
import hashlib
import json
import sys

from bottle import Bottle, HTTPResponse, request

CONFIGURATION = "/etc/app/config.json"


def application(configuration):
    app = Bottle()

    @app.get("/")
    def page():
        return f"<!DOCTYPE html><title>{configuration['site']}</title><h1>{configuration['greeting']}</h1>"

    @app.get("/health")
    def health():
        return {"state": "healthy", "site": configuration["site"]}

    @app.get("/private")
    def private():
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        # Only a digest of the token is compared, and none is ever answered.
        if hashlib.sha256(token.encode()).hexdigest() != hashlib.sha256(configuration["token"].encode()).hexdigest():
            return HTTPResponse(status=401, body="a token is needed\n")
        return {"site": configuration["site"], "private": True}

    return app


if __name__ == "__main__":
    try:
        with open(CONFIGURATION, encoding="utf-8") as file:
            loaded = json.load(file)
    except FileNotFoundError:
        sys.exit(f"{CONFIGURATION} is missing: this image has no configuration layer, deploy it with wharf")
    application(loaded).run(host="0.0.0.0", port=8080, quiet=True)
