"""Succeeds if the application answers."""
import urllib.request

print(urllib.request.urlopen("http://127.0.0.1:8080/health", timeout=4).read().decode())
