"""A document: an object of JSON, as the API answers with it and as pages and terminal read it."""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]
