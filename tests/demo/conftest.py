from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest


@pytest.fixture
def one_leaver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export with one person who leaves: the shortest whole demo."""
    export = tmp_path_factory.mktemp("export") / "people.csv"
    export.write_text(
        "Employee ID,First name,Last name,Preferred name,Work email,Former emails,Department,Job title,Manager ID,"
        "Country,Time zone,Last day,Leaving time\n"
        f"1,,,,a@x.example,,,,,,Europe/Berlin,{datetime.now(UTC).year}-10-01,\n"
    )
    return export
