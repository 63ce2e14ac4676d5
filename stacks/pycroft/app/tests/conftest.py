"""Marks each test by the folder that it is in, and runs one shard of them where the environment says which."""

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(item.path.relative_to(HERE).parts[0])
    shards = int(os.environ.get("WHARF_SHARDS", "1"))
    if shards > 1:
        shard = int(os.environ["WHARF_SHARD"])
        others = [item for number, item in enumerate(items) if number % shards != shard - 1]
        config.hook.pytest_deselected(items=others)
        items[:] = items[shard - 1 :: shards]
