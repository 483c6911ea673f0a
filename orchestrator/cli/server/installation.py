"""Settings of this installation, for commands on the server."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.cli.terminal.options import FOLDER
from orchestrator.domain.errors import Invalid
from orchestrator.embedded.address import running_stack
from orchestrator.settings import PREFIX, Settings


def server_settings(folder: Path = FOLDER) -> Settings:
    """What the environment says; else the embedded stack that is up. Raises `SettingMissing` where neither is."""
    if any(PREFIX + name in os.environ for name in ("DATABASE_URL", "DATABASE_URL_FILE")):
        return Settings.read()
    try:
        return running_stack(folder)
    except Invalid:
        return Settings.read()
