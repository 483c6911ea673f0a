"""The recorded files: their contents, and how they are written and read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parent / "fixtures"


def write_json(name: str, value: Any, default: Callable[[Any], Any] | None = None) -> None:
    write_text(name, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, default=default) + "\n")


def write_text(name: str, text: str) -> None:
    path = FIXTURES / name
    path.parent.mkdir(parents=True, exist_ok=True)
    written = text.encode()
    path.write_bytes(gzip.compress(written, mtime=0) if path.suffix == ".gz" else written)


def read_text(name: str) -> str:
    written = (FIXTURES / name).read_bytes()
    return (gzip.decompress(written) if name.endswith(".gz") else written).decode()


def read_json(name: str) -> Any:
    return json.loads(read_text(name))
