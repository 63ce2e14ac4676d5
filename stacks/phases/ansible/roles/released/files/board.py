#!/usr/bin/python3
"""The application: a notice board. Usage: board.py CONFIGURATION"""
import configparser
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def handler(title, version):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/health":
                self.answer(200, "application/json", json.dumps({"state": "healthy", "version": version}))
            elif self.path == "/":
                self.answer(200, "text/html; charset=utf-8", f"<!DOCTYPE html><title>{title}</title><h1>{title}</h1>")
            else:
                self.answer(404, "text/plain", "there is nothing at this path\n")

        def answer(self, status, content_type, text):
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: board.py CONFIGURATION")
    configuration = configparser.ConfigParser()
    with open(sys.argv[1], encoding="utf-8") as file:
        configuration.read_file(file)
    board = configuration["board"]
    address = ("127.0.0.1", board.getint("port"))
    ThreadingHTTPServer(address, handler(board["title"], board["version"])).serve_forever()


if __name__ == "__main__":
    main()
