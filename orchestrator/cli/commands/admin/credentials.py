"""Commands that revoke access: `tokens`, `tokens owners|revoke`, `sessions`, `sessions end`, `revoke-role`."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.server.access import entering
from orchestrator.cli.terminal.options import FOLDER, PACKET, As, Folder, Json, PacketOption, ReasonOption
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import instant, print_json, say, table
from orchestrator.documents.document import Document

AccountArgument = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's ID.")]


def tokens(
    context: typer.Context,
    everyone: Annotated[bool, typer.Option("--all", help="Tokens of all accounts, for a safety owner.")] = False,
    alias: As = None,
    json: Json = False,
    folder: Folder = FOLDER,
) -> None:
    """List the API tokens that you created."""
    if context.invoked_subcommand is not None:
        return

    async def work() -> Document:
        async with entering(folder, alias) as server:
            return await server.get("tokens", all=True if everyone else None)

    found = carry_out(work())
    if json:
        print_json(found)
        return
    working = [one for one in found["tokens"] if one["works"]]
    if not working:
        say("There are no active tokens.")
        return
    table(
        ("Token", "Name", "Account", "Created by", "Maximum permission", "Expires"),
        [
            (one["token_id"], one["name"], one["actor_id"], one["made_by"], one["up_to"], instant(one["expires_at"]))
            for one in working
        ],
    )
    say("To revoke one: offboard tokens revoke TOKEN")
    for one in working:
        if one["has_owner"] is False:
            say(f"No one answers for the service {one['name']}: offboard tokens owners {one['token_id']} OWNER")


def owners(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="A service's token, as `tokens` lists it.")],
    owner: Annotated[str, typer.Argument(metavar="OWNER", help="The account that answers for the service.")],
    deputy: Annotated[
        str | None, typer.Option("--deputy", metavar="ACCOUNT", help="The account to which it passes.")
    ] = None,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Change who answers for a service, for a safety owner. It passes to the deputy when the owner leaves."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            await server.post("tokens", token, "owners", body={"owner": owner, "deputy": deputy})
            passes = f"; it passes to {deputy}" if deputy is not None else "; it has no deputy"
            say(f"{owner} answers for the service of token {token}{passes}.")

    carry_out(work())


def revoke(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="As `tokens` lists it.")],
    reason: ReasonOption = None,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Revoke an API token immediately. A safety owner can revoke tokens that others created."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            await server.delete("tokens", token, body={"reason": reason} if reason else None)
            say(f"Token {token} is revoked.")

    carry_out(work())


def sessions(context: typer.Context, alias: As = None, json: Json = False, folder: Folder = FOLDER) -> None:
    """List the open sessions in browsers, for a safety owner."""
    if context.invoked_subcommand is not None:
        return

    async def work() -> Document:
        async with entering(folder, alias) as server:
            return await server.get("sessions")

    found = carry_out(work())
    if json:
        print_json(found)
        return
    if not found["sessions"]:
        say("There are no open sessions.")
        return
    table(
        ("Account", "Signed in", "Last request", "Expires"),
        [
            (one["actor_id"], instant(one["created_at"]), instant(one["seen_at"]), instant(one["expires_at"]))
            for one in found["sessions"]
        ],
    )
    say("To end an account's sessions: offboard sessions end ACCOUNT")


def end(account: AccountArgument, reason: ReasonOption = None, alias: As = None, folder: Folder = FOLDER) -> None:
    """End all sessions of an account, and the sign-ins of its command lines. Its user can sign in again."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            await server.post("staff", account, "sessions", "end", body={"reason": reason} if reason else None)
            say(f"All sessions of {account} have ended.")

    carry_out(work())


def revoke_role(
    account: AccountArgument,
    roles: Annotated[list[str], typer.Argument(metavar="ROLE...", help="The roles, as the packet names them.")],
    packet: PacketOption = PACKET,
    reason: ReasonOption = None,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Revoke roles of an account immediately, for the safety owner of a packet that uses them."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            body = {"packet": packet, "roles": roles, "reason": reason}
            done = await server.post("staff", account, "roles", "revoke", body=body)
            named = ", ".join(roles)
            say(f"{account}: {named} revoked." if done["changed"] else f"{account} has none of these roles: {named}.")

    carry_out(work())
