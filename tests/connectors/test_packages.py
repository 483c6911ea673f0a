"""Connectors of other distributions: installed for real into a folder on the path, and loaded only where named."""

from __future__ import annotations

import json
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
EXITS = "raise SystemExit(3)"
UNFINISHED = """
from connectors.abilities import Ability
from connectors.http.connector import TokenSettings
from connectors.packages import ConnectorKind

KIND = ConnectorKind(TokenSettings, lambda settings, hosts: object(), {"wipe": Ability("wipe", "change", "wipes")})
"""
EMPTY = """
from connectors.packages import ConnectorKind
from connectors.reference.cards import CARDS

KIND = ConnectorKind(CARDS.settings, lambda settings, hosts: object(), CARDS.acts)
"""
ENTRIES = """
[offboard.connectors]
wiki = offboard_wiki:KIND
broken = offboard_wiki:NOTHING
odd = offboard_wiki:NO_KIND
exits = offboard_wiki_exits:KIND
unfinished = offboard_wiki_unfinished:KIND
empty = offboard_wiki_empty:KIND
foreign = offboard_blog:KIND
below = offboard_blog.module:KIND
installed_by_python = json:loads
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A distribution as an installer leaves it (PyPA: recording installed projects)."""
    modules = {"": MODULE, "_exits": EXITS, "_unfinished": UNFINISHED, "_empty": EMPTY}
    for suffix, text in modules.items():
        (tmp_path / f"offboard_wiki{suffix}.py").write_text(text)
    (tmp_path / "offboard_blog").mkdir()
    for name in ("__init__", "module"):
        (tmp_path / "offboard_blog" / f"{name}.py").write_text(MODULE)
    info = tmp_path / "offboard_wiki-1.2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: offboard-wiki\nVersion: 1.2.0\n")
    (info / "entry_points.txt").write_text(ENTRIES)
    (info / "RECORD").write_text("".join(f"offboard_wiki{suffix}.py,,\n" for suffix in modules))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("connectors.registry._LOADED", {})
    forget()
    yield tmp_path
    forget()


def forget() -> None:
    """Another test has modules of these names in a folder of its own."""
    for name in [name for name in sys.modules if name.startswith(("offboard_wiki", "offboard_blog"))]:
        del sys.modules[name]


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
        ("exits@offboard-wiki==1.2.0", "connector_broken", ("offboard-wiki", "SystemExit")),
        ("unfinished@offboard-wiki==1.2.0", "connector_broken", ("offboard-wiki", "IncompleteActError")),
        ("foreign@offboard-wiki==1.2.0", "connector_broken", ("offboard-wiki", "offboard_blog")),
        ("below@offboard-wiki==1.2.0", "connector_broken", ("offboard-wiki", "offboard_blog")),
        ("installed_by_python@offboard-wiki==1.2.0", "connector_broken", ("offboard-wiki", "json")),
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
    assert not (folder / "offboard_blog" / "imported").exists()


def test_a_connector_without_the_code_of_its_abilities_is_not_used(folder: Path) -> None:
    settings = {"url": "https://wiki.example", "token": "t"}
    with pytest.raises(ActionRequiredError, match="connector_broken") as raised:
        connect("empty@offboard-wiki==1.2.0", settings, allowed_hosts=["wiki.example"], system="the-wiki")
    assert "the-wiki" in raised.value.detail


async def test_an_editable_installation_has_its_module_in_the_projects_folder(folder: Path) -> None:
    info = folder / "offboard_wiki-1.2.0.dist-info"
    (info / "RECORD").write_text("__editable__.offboard_wiki-1.2.0.pth,,\n")
    assert NAMED not in connector_kinds()
    source = {"url": folder.as_uri(), "dir_info": {"editable": True}}
    (info / "direct_url.json").write_text(json.dumps(source))
    assert NAMED in connector_kinds()
