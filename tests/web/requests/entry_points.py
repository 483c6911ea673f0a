"""A command on a run at each entry point: the form of its page, the API, and the terminal, all by one account."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from orchestrator.domain.packet.packet import APPROVALS_FILE, WORKFLOW_FILE, Packet
from orchestrator.domain.packet.packet_files import parse_packet, starter_packet
from orchestrator.embedded.smaller_packet import without_late_starts
from tests.cli.command_line import Offboard
from tests.web.api.running import refused as refused_by_api
from tests.web.visitor import Visitor, api, token_of

ENTRY_POINTS = ("page", "api", "terminal")
WHY = "To see who may"


@dataclass(frozen=True)
class RunCommand:
    """`path` and `body` of the API, `form` for the address of the page, `typed` at the terminal."""

    path: str
    body: Any
    page: str
    form: dict[str, Any]
    typed: tuple[str, ...]


def accept(run_id: str, exception_id: str) -> RunCommand:
    return _of_run(
        run_id,
        f"exceptions/{exception_id}/acceptance",
        {"reason": WHY},
        "accept",
        {"exception": exception_id, "reason": WHY},
        ("exceptions", "accept", run_id, exception_id, "--reason", WHY),
    )


def waive(run_id: str, exception_id: str, until: str) -> RunCommand:
    """`until` is a local time in UTC."""
    said = {"until": f"{until}Z", "reason": WHY, "compensating_control": "Its card is watched."}
    form = {"exception": exception_id, "until": until, "reason": WHY, "control": "Its card is watched."}
    typed = ("exceptions", "waive", run_id, exception_id, "--until", f"{until}+00:00", "--reason", WHY)
    control = ("--control", "Its card is watched.")
    return _of_run(run_id, f"exceptions/{exception_id}/waiver", said, "waive", form, (*typed, *control))


def assign(run_id: str, exception_id: str, account: str) -> RunCommand:
    return _of_run(
        run_id,
        f"exceptions/{exception_id}/assignment",
        {"account": account},
        "assign",
        {"exception": exception_id, "to": account},
        ("exceptions", "owner", run_id, exception_id, account),
    )


def snooze(run_id: str, exception_id: str, until: str, reason: str) -> RunCommand:
    """`until` is a local time in UTC."""
    said = {"until": f"{until}Z", "reason": reason or None}
    form = {"exception": exception_id, "until": until, "reason": reason}
    typed = ("exceptions", "snooze", run_id, exception_id, "--until", f"{until}+00:00")
    why = ("--reason", reason) if reason else ()
    return _of_run(run_id, f"exceptions/{exception_id}/snooze", said, "snooze", form, (*typed, *why))


def comment(run_id: str, exception_id: str, text: str) -> RunCommand:
    return _of_run(
        run_id,
        f"exceptions/{exception_id}/comments",
        {"text": text},
        "comment",
        {"exception": exception_id, "comment": text},
        ("exceptions", "comment", run_id, exception_id, text),
    )


def settle(run_id: str, system: str, *accounts: str) -> RunCommand:
    return _of_run(
        run_id,
        f"systems/{system}/accounts",
        {"accounts": accounts, "reason": WHY},
        "settle",
        {"system": system, "account": accounts, "reason": WHY},
        ("exceptions", "settle", run_id, system, *accounts, "--reason", WHY),
    )


def skip(run_id: str, step: Any) -> RunCommand:
    """`step` is a step in a run's document."""
    return _of_run(
        run_id,
        f"steps/{step['step_id']}/skip",
        {"reason": WHY},
        "skip",
        {"step": step["step_id"], "reason": WHY},
        ("skip", run_id, step["step_id"], "--reason", WHY),
    )


def approve(run_id: str, gate_id: str) -> RunCommand:
    said = {"verdict": "approve"}
    return _of_run(run_id, f"gates/{gate_id}/decision", said, f"gates/{gate_id}", said, ("approve", run_id, gate_id))


def reject(run_id: str, gate_id: str, reason: str) -> RunCommand:
    said = {"verdict": "reject", "reason": reason}
    typed = ("reject", run_id, gate_id, "--reason", reason)
    return _of_run(run_id, f"gates/{gate_id}/decision", said, f"gates/{gate_id}", said, typed)


def complete(run_id: str, task_id: str) -> RunCommand:
    said = {"outcome": "done", "note": WHY}
    typed = ("tasks", "complete", run_id, task_id, "--evidence", WHY)
    return _of_run(run_id, f"tasks/{task_id}/completion", said, f"tasks/{task_id}", said, typed)


def replan(run_id: str) -> RunCommand:
    return _of_run(run_id, "replan", {}, "replan", {}, ("exceptions", "replan", run_id))


def replan_under(run_id: str, version: str) -> RunCommand:
    said = {"packet_version": version}
    return _of_run(run_id, "replan", said, "replan", said, ("exceptions", "replan", run_id, "--new-version"))


def replay(run_id: str, version: int | None, from_step: str = "") -> RunCommand:
    """With `version`, as if the run had been previewed then; the terminal previews it itself."""
    said = {"from_step": from_step or None, "version": version}
    form = {"from_step": from_step, "version": str(version or "")}
    return _of_run(
        run_id,
        "replay",
        said,
        "replay",
        form,
        ("replay", run_id, "--yes", *(("--from", from_step) if from_step else ())),
    )


def erase(run_id: str) -> RunCommand:
    return _of_run(
        run_id, "erasure", {"reason": WHY}, "erasure", {"reason": WHY}, ("erase", run_id, "--reason", WHY, "--yes")
    )


def restore(run_id: str, version: int | None = None) -> RunCommand:
    """With `version`, as if the run had been previewed then; the terminal previews it itself."""
    return _of_run(
        run_id,
        "restore",
        {"reason": WHY, "version": version},
        "restore",
        {"reason": WHY, "version": str(version or "")},
        ("restore-access", run_id, "--yes", "--reason", WHY),
    )


def cancel(run_id: str) -> RunCommand:
    return _of_run(run_id, "end", {"reason": WHY}, "end", {"reason": WHY}, ("end", run_id, "--reason", WHY))


def make_urgent(run_id: str) -> RunCommand:
    typed = ("urgent", run_id, "--yes", "--reason", WHY)
    return _of_run(run_id, "urgent", {"reason": WHY}, "urgent", {"reason": WHY}, typed)


def hold(run_id: str) -> RunCommand:
    return _of_run(run_id, "hold", {"reason": WHY}, "hold", {"reason": WHY}, ("hold", run_id, "--reason", WHY))


def release(run_id: str) -> RunCommand:
    return _of_run(run_id, "release", None, "release", {}, ("release", run_id))


def retry(run_id: str, step: Any) -> RunCommand:
    return _of_run(
        run_id,
        f"steps/{step['step_id']}/retry",
        {"reason": WHY},
        "retry",
        {"step": step["step_id"], "reason": WHY},
        ("retry", run_id, step["step_id"], "--reason", WHY),
    )


def hold_system(system: str, packet: str) -> RunCommand:
    return _of_system("hold", {"reason": WHY}, system, packet, "--reason", WHY)


def release_system(system: str, packet: str) -> RunCommand:
    return _of_system("release", {}, system, packet)


def _of_system(verb: str, reason: dict[str, str], system: str, packet: str, *options: str) -> RunCommand:
    return RunCommand(
        f"/systems/{system}/{verb}",
        {"packet": packet, **reason},
        f"/systems/{packet}/{verb}",
        {"system": system, **reason},
        (verb, "--system", system, "--packet", packet, *options),
    )


def _of_run(run_id: str, path: str, body: Any, page: str, form: dict[str, Any], typed: tuple[str, ...]) -> RunCommand:
    at = f"/runs/{run_id}"
    return RunCommand(f"{at}/{path}", body, f"{at}/{page}", {"back": at, **form}, typed)


class SignedIn:
    """An account that is signed in at each entry point of the server at `url`."""

    def __init__(self, url: str, token: str, page: Visitor, client: httpx.AsyncClient, folder: Path) -> None:
        self.page = page
        self.api = client
        self._terminal = Offboard(folder)
        self._environment: dict[str, str] = {"OFFBOARD_SERVER": url, "OFFBOARD_TOKEN": token}

    async def at_page(self, command: RunCommand) -> httpx.Response:
        return await self.page.submit(command.page, command.form)

    async def typed(self, *words: str) -> tuple[int, str]:
        """The exit code, and everything that was printed."""
        answer = await self._terminal(*words, env=self._environment)
        assert "Traceback" not in answer.err, answer.err
        return answer.code, in_one_line(f"{answer.out} {answer.err}")

    async def does(self, at: str, command: RunCommand) -> str:
        """The command, carried out at this entry point; what its sender reads."""
        if at == "page":
            answer = await self.at_page(command)
            assert answer.status_code == 200, answer.text
            return text_of(answer)
        if at == "api":
            answer = await self.api.post(command.path, json=command.body)
            assert answer.status_code == 200, answer.text
            return answer.text
        code, said = await self.typed(*command.typed)
        assert code == 0, said
        return said

    async def refused(self, command: RunCommand, status: int, code: str, cause: str, remedy: str) -> None:
        """The command is refused at every entry point, in words that say why and what to do."""
        for at in ("page", "terminal"):
            await self.refused_at(at, command, status, cause, remedy)
        problem = refused_by_api(await self.api.post(command.path, json=command.body), status, code)
        assert cause in problem["detail"] and remedy in problem["remedy"], problem

    async def refused_at(self, at: str, command: RunCommand, status: int, *words: str) -> None:
        """The command is refused at this entry point, in these words."""
        if at == "terminal":
            exit_code, said = await self.typed(*command.typed)
            assert exit_code == 1, said
        elif at == "page":
            page = await self.at_page(command)
            assert page.status_code == status, page.status_code
            said = text_of(page)
        else:
            answer = await self.api.post(command.path, json=command.body)
            assert answer.status_code == status, answer.text
            problem = answer.json()
            said = f"{problem['detail']} {problem['remedy']}"
        assert all(one in said for one in words), (at, said)


SignInAs = Callable[[str], Awaitable[SignedIn]]


@asynccontextmanager
async def signed_in(url: str, alias: str, folder: Path) -> AsyncIterator[SignedIn]:
    async with AsyncExitStack() as open_ones:
        token = await token_of(url, alias)
        page = await open_ones.enter_async_context(Visitor(url))
        await page.sign_in(alias)
        client = await open_ones.enter_async_context(api(url, token))
        yield SignedIn(url, token, page, client, folder)


def text_of(page: httpx.Response) -> str:
    """What is read on a page, without its tags."""
    return in_one_line(html.unescape(re.sub(r"<[^>]*>", " ", page.text)))


def in_one_line(text: str) -> str:
    return " ".join(text.split())


_AS_IT_IS = "as it is"


def packet_of(
    name: str,
    steps: Sequence[str],
    approvals: tuple[str, str] = ("", ""),
    *,
    gate: str | None = _AS_IT_IS,
    at: str | None = _AS_IT_IS,
    **thresholds: str,
) -> Packet:
    """The standard packet with these of its steps alone, so that a run is done soon; with a text of `approvals.yaml`
    replaced, another or no `gate` and `at` of the steps, and thresholds of its own."""
    given = without_late_starts(starter_packet("standard-leaver"))
    workflow = yaml.safe_load(given.files[WORKFLOW_FILE]) | {"name": name}
    changed = {field: value for field, value in (("gate", gate), ("at", at)) if value != _AS_IT_IS}
    workflow["steps"] = [step | changed for step in workflow["steps"] if step["name"] in steps]
    for step in workflow["steps"]:
        step["needs"] = [need for need in step.get("needs", ()) if need in steps]
        for field in [field for field, value in step.items() if value is None]:
            del step[field]
    workflow["thresholds"] |= thresholds
    assert approvals[0].encode() in given.files[APPROVALS_FILE]
    files = given.files | {
        WORKFLOW_FILE: yaml.safe_dump(workflow, sort_keys=False).encode(),
        APPROVALS_FILE: given.files[APPROVALS_FILE].replace(approvals[0].encode(), approvals[1].encode(), 1),
    }
    return parse_packet(dict(files))
