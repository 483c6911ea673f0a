"""Where an embedded stack that is up can be found: a file in its folder that only its owner can read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from orchestrator.domain.errors import Invalid
from orchestrator.settings import Settings

ADDRESS_FILE = "stack.json"


def stack_environment(folder: Path) -> Mapping[str, str]:
    """The settings of a stack that is up, as a process elsewhere needs them. Raises `Invalid` if none is."""
    try:
        environment: Mapping[str, str] = json.loads((folder / ADDRESS_FILE).read_text())
    except (OSError, ValueError) as error:
        raise Invalid("no_stack", "Offboard is not running in this folder.") from error
    return environment


def stack_url(folder: Path) -> str | None:
    """Where its pages and its API are; None if no stack is up."""
    try:
        return stack_environment(folder).get("OFFBOARD_PUBLIC_URL")
    except Invalid:
        return None


def running_stack(folder: Path) -> Settings:
    """The settings of a stack that is up. Raises `Invalid` if none is."""
    return Settings.read({**os.environ, **stack_environment(folder)})
