"""Connectors of other distributions: installed for real into a folder on the path, and loaded only where named."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.errors import ActionRequiredError
from connectors.registry import SETTINGS, connect, connector_kinds, why_missing

NAMED = "wiki@offboard-wiki==1.2.0"
MODULE = """
import pathlib

pathlib.Path(__file__).with_name("imported").touch()
from connectors.reference.cards import CARDS

KIND = CARDS
NO_KIND = object()
"""
ENTRIES = """
[offboard.connectors]
wiki = offboard_wiki:KIND
broken = offboard_wiki:NOTHING
odd = offboard_wiki:NO_KIND
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A distribution as an installer leaves it (PyPA: recording installed projects)."""
    (tmp_path / "offboard_wiki.py").write_text(MODULE)
    info = tmp_path / "offboard_wiki-1.2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: offboard-wiki\nVersion: 1.2.0\n")
    (info / "entry_points.txt").write_text(ENTRIES)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("connectors.registry._LOADED", {})
    sys.modules.pop("offboard_wiki", None)
    yield tmp_path
    sys.modules.pop("offboard_wiki", None)  # another test has a module of this name in a folder of its own


async def test_a_named_connector_is_loaded_and_connects(folder: Path) -> None:
    assert not (folder / "imported").exists(), "what is installed is not imported before it is named"
    assert "freeze_card" in connector_kinds()[NAMED]
    assert (folder / "imported").exists()
    assert "token" in {setting.name for setting in SETTINGS[NAMED]}
    assert NAMED not in list(connector_kinds())
    connector = connect(NAMED, {"url": "https://wiki.example", "token": "t"}, allowed_hosts=["wiki.example"])
    await connector.aclose()


@pytest.mark.parametrize(
    ("named", "code", "said"),
    [
        ("wiki@offboard-wiki==1.3.0", "connector_version", ("offboard-wiki", "1.3.0", "1.2.0")),
        ("wiki@offboard-other==1.0", "connector_not_installed", ("offboard-other", "1.0")),
        ("blog@offboard-wiki==1.2.0", "unknown_kind", ("offboard-wiki", "blog")),
        ("broken@offboard-wiki==1.2.0", "connector_broken", ("offboard-wiki", "AttributeError")),
        ("odd@offboard-wiki==1.2.0", "connector_broken", ("offboard-wiki",)),
        ("wiki", "unknown_kind", ("wiki",)),
        ("wiki@offboard-wiki", "unknown_kind", ("offboard-wiki",)),
    ],
)
def test_another_one_is_not_loaded(folder: Path, named: str, code: str, said: tuple[str, ...]) -> None:
    with pytest.raises(ActionRequiredError, match=code) as raised:
        connect(named, {}, allowed_hosts=[], system="the-wiki")
    assert all(word in raised.value.detail for word in ("the-wiki", *said))
    assert named not in connector_kinds()
    assert raised.value.remedy in why_missing(named)
    if code != "connector_broken":
        assert not (folder / "imported").exists()
