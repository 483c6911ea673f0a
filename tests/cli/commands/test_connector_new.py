"""`offboard connector new` writes a package that passes its own tests and can be named in a packet."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from connectors.registry import connector_kinds
from orchestrator.cli import make_app


def offboard(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(make_app(), ["connector", *arguments])
    return result.exit_code, result.output


@pytest.fixture(autouse=True)
def _module_of_no_other_test() -> Iterator[None]:
    """Several tests import a module of this name, each from a folder of its own."""
    sys.modules.pop("offboard_wiki", None)
    yield
    sys.modules.pop("offboard_wiki", None)


def test_the_skeleton_passes_its_own_tests_and_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert offboard("new", "wiki", "--into", str(tmp_path))[0] == 0
    folder = tmp_path / "offboard-wiki"
    root = Path(__file__).parents[3]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    ran = subprocess.run(command, cwd=folder, env={"PYTHONPATH": f"{root}:{folder}"}, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3 passed" in ran.stdout
    # ruff where the author runs it: in this checkout our packages would be sorted as the author's own.
    for tool, place in ((["ruff", "check"], folder), (["mypy", "--strict"], root)):
        checked = subprocess.run(
            [sys.executable, "-m", *tool, str(folder / "offboard_wiki.py")], cwd=place, capture_output=True, text=True
        )
        assert checked.returncode == 0, checked.stdout
    # As an installer leaves it: the project's name, version and entry point.
    project = (folder / "pyproject.toml").read_text()
    assert 'wiki = "offboard_wiki:KIND"' in project
    info = folder / "offboard_wiki-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: offboard-wiki\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[offboard.connectors]\nwiki = offboard_wiki:KIND\n")
    (info / "RECORD").write_text("offboard_wiki.py,,\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr("connectors.registry._LOADED", {})
    assert list(connector_kinds()["wiki@offboard-wiki==0.1.0"]) == ["suspend_account"]


@pytest.mark.parametrize("name", ["Wiki", "../wiki", "1wiki", "wi-ki", "", "wiki\n", "wiki_", "_wiki", "wïki"])
def test_a_name_of_another_form_is_refused(name: str, tmp_path: Path) -> None:
    code, said = offboard("new", name, "--into", str(tmp_path))
    assert code != 0
    assert list(tmp_path.iterdir()) == [], said


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "offboard-wiki").mkdir()
    assert offboard("new", "wiki", "--into", str(tmp_path))[0] == 1
    assert list((tmp_path / "offboard-wiki").iterdir()) == []


def test_a_link_to_nothing_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "offboard-wiki").symlink_to(tmp_path / "nowhere")
    code, said = offboard("new", "wiki", "--into", str(tmp_path))
    assert (code, "exists already" in said) == (1, True)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for into in (tmp_path / "file" / "below", Path("/proc")):
        code, said = offboard("new", "wiki", "--into", str(into))
        assert (code, "cannot be written" in said) == (1, True), said
