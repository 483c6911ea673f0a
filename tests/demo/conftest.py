from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def one_leaver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export with one person who leaves: the shortest whole demo."""
    export = tmp_path_factory.mktemp("export") / "people.csv"
    export.write_text(
        "Employee ID,First name,Last name,Preferred name,Work email,Former emails,Department,Job title,Manager ID,"
        "Country,Time zone,Last day,Leaving time\n"
        "1,,,,a@x.example,,,,,,Europe/Berlin,2026-10-01,\n"
    )
    return export
