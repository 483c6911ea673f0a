"""Workers without a connector that the packet names: other systems go on, and so does the run once it is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors import registry
from connectors.registry import connector_kinds
from orchestrator.worker import working
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import exceptions_of, open_kinds
from tests.integration.packets import quick_packet

NAMED = "cards@offboard-cards==1.0"
MODULE = "from connectors.reference.cards import CARDS as KIND\n"


def install_package(folder: Path) -> None:
    """As an installer leaves it."""
    (folder / "offboard_cards.py").write_text(MODULE)
    info = folder / "offboard_cards-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: offboard-cards\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[offboard.connectors]\ncards = offboard_cards:KIND\n")
    (info / "RECORD").write_text("offboard_cards.py,,\n")


async def test_a_run_goes_on_without_the_package_and_completes_once_it_is_installed(
    install: Install, hire: Hire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(registry, "_LOADED", {})
    packet = quick_packet(changed={"connector: cards": f"connector: {NAMED}"})
    async with install(packet=packet) as here:
        [person] = await hire()
        run = await here.start(person)
        state = await here.wait_until(run, lambda s: "connector_missing" in open_kinds(s), "an exception about it")
        [exception] = exceptions_of(state, "connector_missing")
        assert (exception.opened.system, exception.opened.code) == ("cards", "connector_not_installed")
        assert state.plan.planned_at is not None and state.plan.open_steps == {"close_card"}
        await here.attend(run, until=lambda s: sum(step.final for step in s.work.steps.values()) == 7)
        install_package(tmp_path)
        state = await here.attend(run)
        assert state.finish == "clean" and not state.work.open_exceptions()
        assert [x.disposition for x in exceptions_of(state, "connector_missing")] == ["overcome"]
        await here.verify()


async def test_a_worker_that_knows_no_ability_of_the_connector_plans_the_rest(install: Install, hire: Hire) -> None:
    known = dict(connector_kinds())
    without = {kind: abilities for kind, abilities in known.items() if kind != "cards"}
    async with install(packet=quick_packet(), worker=False) as here:
        [person] = await hire()
        async with working(here.settings, abilities=without):
            run = await here.start(person)
            state = await here.wait_until(run, lambda s: s.plan.planned_at is not None, "a plan")
            assert state.plan.open_steps == {"close_card"} and len(state.plan.steps) == 7
