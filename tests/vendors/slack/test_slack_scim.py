"""The SCIM API of the simulator of Slack behaves as Slack's documents say. They have no description of it."""

from __future__ import annotations

from typing import Any

from orchestrator.embedded.vendors.simulator import client_of
from orchestrator.embedded.vendors.slack.documents import CORE_GROUP, CORE_USER, GUEST
from tests.vendors.slack.conftest import SlackFromOutside


async def test_groups_of_the_identity_provider(here: SlackFromOutside) -> None:
    sales = here.seed.groups["department-sales"]
    path = f"Groups/{sales.id}"
    one = {"op": "remove", "path": f"members[value eq {here.kim.id}]"}
    assert [each["value"] for each in (await here.patch(path, one)).json()["members"]] == [here.bo.id]
    back = {"op": "add", "path": "members", "value": [{"value": here.kim.id}]}
    assert len((await here.patch(path, back)).json()["members"]) == 2
    named = {"op": "remove", "path": "members", "value": [{"value": here.bo.id}]}
    assert [each["display"] for each in (await here.patch(path, named)).json()["members"]] == ["Kim Dahl"]
    emptied = {"schemas": [CORE_GROUP], "displayName": "Sales"}
    assert (await here.client.put(f"/scim/v2/{path}", json=emptied)).json()["members"] == []
    here.slack.state.deactivate(here.isa)
    refused = await here.patch(path, {"op": "add", "path": "members", "value": [{"value": here.isa.id}]})
    assert refused.json()["detail"] == "unable_to_add_deleted_or_guest_to_group"
    pages = [(await here.client.get("/scim/v2/Groups", params={"startIndex": n, "count": 3})).json() for n in (1, 4)]
    assert [(one["startIndex"], one["itemsPerPage"], one["totalResults"]) for one in pages] == [(1, 3, 5), (4, 2, 5)]
    assert (await here.client.delete(f"/scim/v2/{path}")).status_code == 204
    assert (await here.client.get(f"/scim/v2/{path}")).json()["detail"] == "no_such_group"


async def test_users_of_scim_in_pages_and_by_filter(here: SlackFromOutside) -> None:
    for number in range(12):
        here.slack.state.new_user(f"more-{number}@corp.example", "More", str(number), here.seed.workspaces[0])
    first = (await here.client.get("/scim/v2/Users")).json()
    assert (first["itemsPerPage"], first["totalResults"]) == (10, 17)
    here.slack.largest_page = 4
    assert (await here.client.get("/scim/v2/Users", params={"count": 2000})).json()["itemsPerPage"] == 4

    async def found(text: str) -> list[str]:
        body = (await here.client.get("/scim/v2/Users", params={"filter": text})).json()
        return [one["userName"] for one in body["Resources"]]

    assert await found('userName Eq "isa.lund"') == ["isa.lund"]
    assert await found('email eq "KIM.dahl@corp.example" or userName sw "bo."') == ["bo.berg", "kim.dahl"]
    assert await found("restricted eq '1'") == []
    for text, code in (("nickname eq 1", "invalid_query"), ("userName eq", "incomplete_filter"), ("", "no_filters")):
        refused = await here.client.get("/scim/v2/Users", params={"filter": text})
        assert (refused.status_code, refused.json()["detail"]) == (400, code)
    here.slack.state.heeds_scim_filters = False
    assert len(await found('userName eq "isa.lund"')) == 4


async def test_scim_refuses_what_it_does_not_change(here: SlackFromOutside) -> None:
    async def refused(id: str, *operations: dict[str, Any]) -> tuple[int, str]:
        response = await here.patch(f"Users/{id}", *operations)
        assert response.json()["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
        return response.status_code, response.json()["detail"]

    off = {"op": "replace", "path": "active", "value": False}
    bot = here.slack.state.new_user("bot@corp.example", "Bot", "", is_bot=True)
    assert await refused(here.seed.founder.id, off) == (400, "cannot_disable_primary_owner")
    assert await refused(bot.id, off) == (400, "cannot_disable_bot_user_with_scim")
    assert await refused("U0SIM99999", off) == (404, "no_such_user")
    assert await refused(here.isa.id, {**off, "value": "False"}) == (400, "invalid_attribute_format")
    assert await refused(here.isa.id, {**off, "op": "Replace"}) == (400, "invalid_request_payload")
    assert await refused(here.isa.id) == (400, "invalid_request_payload")
    bare = await here.client.patch(f"/scim/v2/Users/{here.isa.id}", json={"active": False})
    assert bare.json()["detail"] == "missing_schema_element"
    assert here.isa.active
    here.isa.workspaces[here.corp] = "primary_owner"
    assert await refused(here.isa.id, off) == (400, "primary_owner_check_failure")
    assert (await here.client.get("/scim/v2/Me")).json()["detail"] == "bad_endpoint"


async def test_a_put_overwrites_and_a_guest_is_converted(here: SlackFromOutside) -> None:
    path = f"/scim/v2/Users/{here.isa.id}"
    body = {"schemas": [CORE_USER], "userName": "isa", "emails": [{"value": here.isa.email, "primary": True}]}
    put = (await here.client.put(path, json=body)).json()
    extension = put["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]
    assert (put["userName"], put["active"], extension["department"]) == ("isa", True, None)
    here.slack.state.deactivate(here.isa)
    guest = {"op": "add", "path": GUEST, "value": {"type": "multi", "expiration": "2030-11-30T23:59:59Z"}}
    shown = (await here.patch(f"Users/{here.isa.id}", guest)).json()
    assert (shown["active"], shown[GUEST]["expiration"]) == (True, "2030-11-30T23:59:59Z")
    assert await here.error("admin.users.setExpiration", user_id=here.isa.id, expiration_ts="1900000000") == ""
    assert GUEST not in (await here.patch(f"Users/{here.isa.id}", {"op": "remove", "path": GUEST})).json()
    admin = await here.patch(f"Users/{here.bo.id}", guest)
    assert admin.json()["detail"] == "cannot_make_user_guest"


async def test_an_administrators_token_does_not_change_an_owner(here: SlackFromOutside) -> None:
    token = here.slack.state.install(here.seed.calendar, here.bo, here.org, "admin").value
    async with client_of(here.slack, {"Authorization": f"Bearer {token}"}) as helping:
        refused = await helping.delete(f"/scim/v2/Users/{here.seed.owner.id}")
        assert (refused.status_code, refused.json()["detail"]) == (403, "permission_denied")
        assert (await helping.delete(f"/scim/v2/Users/{here.isa.id}")).status_code == 204
