"""The simulator of BambooHR behaves as BambooHR's documents say. Its description checks every answer on the way."""

from __future__ import annotations

from xml.etree.ElementTree import fromstring

import httpx
import pytest

from orchestrator.embedded.vendors.bamboohr.errors import REASON
from orchestrator.embedded.vendors.bamboohr.seeds import SCOPES, seed_bamboohr
from orchestrator.embedded.vendors.bamboohr.simulator import BambooSimulator
from orchestrator.embedded.vendors.simulator import client_of
from tests.vendors.bamboohr.conftest import BambooFromOutside, client_with_key


def reason(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.headers[REASON]


async def test_a_later_termination_is_in_the_table_and_with_only_current_false(here: BambooFromOutside) -> None:
    here.bamboo.state.terminate(here.isa, here.day(3))
    names = ("status", "employmentHistoryStatus", "terminationDate", "hireDate")
    now = ["Active", "Full-Time", "0000-00-00", "2020-01-15"]
    assert list((await here.fields(here.isa.id, *names)).values()) == now
    later = await here.fields(here.isa.id, *names, onlyCurrent="false")
    assert list(later.values()) == ["Active", "Terminated", here.day(3), "2020-01-15"]
    assert await here.statuses(here.isa.id) == [("2020-01-15", "Full-Time"), (here.day(3), "Terminated")]
    noticed = await here.changed(here.since(minutes=1))
    assert noticed == {here.isa.id: "Updated"}
    end = here.day(3)
    here.bamboo.advance(days=3)
    ended = await here.fields(here.isa.id, *names)
    assert list(ended.values()) == ["Inactive", "Terminated", end, "2020-01-15"]
    assert await here.changed(here.since(hours=1)) == {}


async def test_a_day_begins_in_the_zone_of_the_company() -> None:
    for zone, status in (("Pacific/Kiritimati", "Inactive"), ("Pacific/Pago_Pago", "Active")):
        async with BambooSimulator(zone).start() as bamboo:
            isa = seed_bamboohr(bamboo).employee("E-1015")
            bamboo.state.terminate(isa, bamboo.now().date())
            bamboo.advance(hours=10 - bamboo.now().hour)
            async with client_with_key(bamboo, next(iter(bamboo.state.keys))) as client:
                answered = await client.get(f"/employees/{isa.id}", params={"fields": "status"})
                assert answered.json()["status"] == status, zone


async def test_late_data_a_termination_in_the_past_is_entered_and_taken_back(here: BambooFromOutside) -> None:
    here.bamboo.state.terminate(here.isa, here.day(-20), "Termination (Involuntary)")
    assert (await here.fields(here.isa.id, "status", "terminationDate")) == {
        "status": "Inactive",
        "terminationDate": here.day(-20),
    }
    listed = (await here.client.get("/employees", params={"filter[status]": "inactive"})).json()
    assert [one["employeeId"] for one in listed["data"]] == [here.isa.id]
    shown = (await here.client.get("/employees/directory")).json()["employees"]
    assert here.isa.id not in [one["id"] for one in shown]
    here.bamboo.advance(minutes=5)
    here.bamboo.state.take_back_termination(here.isa)
    assert (await here.fields(here.isa.id, "status"))["status"] == "Active"
    assert await here.statuses(here.isa.id) == [("2020-01-15", "Full-Time")]
    assert await here.changed(here.since(minutes=1)) == {here.isa.id: "Updated"}
    assert [one.kind for one in here.bamboo.state.effects] == ["terminated", "termination_taken_back"]


async def test_a_rehire_is_a_third_row_of_the_same_employee(here: BambooFromOutside) -> None:
    here.bamboo.state.terminate(here.isa, here.day(-300))
    here.bamboo.state.rehire(here.isa, here.day(-10))
    here.isa.tables["employmentStatus"].reverse()
    assert [status for _, status in await here.statuses(here.isa.id)] == ["Full-Time", "Terminated", "Full-Time"]
    assert await here.fields(here.isa.id, "status", "terminationDate", "hireDate", "originalHireDate") == {
        "status": "Active",
        "terminationDate": "0000-00-00",
        "hireDate": here.day(-10),
        "originalHireDate": "2020-01-15",
    }


async def test_the_manager_is_a_number_an_id_and_a_name(here: BambooFromOutside) -> None:
    names = ("supervisorEId", "supervisorId", "supervisor", "supervisorEmail", "reportsToId")
    expected = [here.bo.id, "E-2", "Berg, Bo", "bo.berg@corp.example", here.bo.id]
    assert list((await here.fields(here.isa.id, *names)).values()) == expected
    assert set((await here.fields(here.bo.id, *names)).values()) == {None}
    here.bamboo.state.move(here.isa, here.day(5), reportsTo=here.kim.id)
    assert (await here.fields(here.isa.id, "supervisorEId"))["supervisorEId"] == here.bo.id
    assert (await here.fields(here.isa.id, "supervisorEId", onlyCurrent="false"))["supervisorEId"] == here.kim.id
    rows = (await here.client.get(f"/employees/{here.isa.id}/tables/jobInfo")).json()
    assert [(row["reportsTo"], row["department"]) for row in rows] == [("Bo Berg", "Finance"), ("Kim Dahl", "Finance")]
    everyone = (await here.client.get("/employees/all/tables/jobInfo")).json()
    assert len(everyone) == 4
    assert reason(await here.client.get(f"/employees/{here.isa.id}/tables/shoes")) == (404, "Table not found")


async def test_fields_that_the_credential_may_not_see_are_left_out_without_an_error(here: BambooFromOutside) -> None:
    here.bamboo.state.terminate(here.isa, here.day(-1))
    weak = here.bamboo.state.new_user("weak@corp.example", here.kim, "employmentHistoryStatus", "workEmail")
    async with here.as_user(weak) as client:
        names = {"fields": "firstName,workEmail,terminationDate,employmentStatus,noSuchField"}
        assert (await client.get(f"/employees/{here.isa.id}", params=names)).json() == {
            "id": here.isa.id,
            "firstName": "Isa",
        }
        rows = (await client.get(f"/employees/{here.isa.id}/tables/employmentStatus")).json()
        assert {name for row in rows for name in row} == {"id", "employeeId", "date"}
        listed = (await client.get("/employees", params={"fields": "workEmail,hireDate,birthDate"})).json()["data"][0]
        assert [listed[name] for name in ("workEmail", "hireDate", "birthDate")] == [None, "2020-01-15", None]
        assert listed["_restrictedFields"] == ["workEmail"]
        weak.hidden.add("status")
        filtered = (await client.get("/employees", params={"filter[status]": "inactive"})).json()
        assert (filtered["data"], filtered["meta"]["total"]) == ([], 0)
        known = {one["alias"] for one in (await client.get("/meta/fields")).json()}
        assert "employeeNumber" in known
        assert not known & {"workEmail", "terminationDate"}
        assert (await client.get("/employees/0")).json() == {"id": here.kim.id, "firstName": "Kim", "lastName": "Dahl"}


async def test_employees_whom_the_credential_may_not_see_are_missing(here: BambooFromOutside) -> None:
    some = here.bamboo.state.new_user("some@corp.example")
    some.sees = {here.kim.id}
    here.bamboo.state.change(here.isa, mobilePhone="1")
    async with here.as_user(some) as client:
        assert [one["employeeId"] for one in (await client.get("/employees")).json()["data"]] == [here.kim.id]
        assert [one["id"] for one in (await client.get("/employees/directory")).json()["employees"]] == [here.kim.id]
        asked = {"since": here.since(minutes=1)}
        assert (await client.get("/employees/changed", params=asked)).json()["employees"] == {}
        denied = reason(await client.get(f"/employees/{here.isa.id}"))
        assert denied == (403, "You do not have access to this employee")
        assert (await client.get(f"/employees/{here.isa.id}/tables/jobInfo")).status_code == 404
    assert reason(await here.client.get("/employees/99999")) == (404, "Employee not found")
    assert reason(await here.client.get("/employees/0")) == (404, "Employee not found")
    here.bamboo.state.shares_directory = False
    assert (await here.client.get("/employees/directory")).status_code == 403


async def test_changes_since_a_moment(here: BambooFromOutside) -> None:
    new = here.bamboo.state.hire(here.day(20), firstName="New", lastName="One", employeeNumber="E-9")
    here.bamboo.state.delete(here.kim)
    here.bamboo.state.change(here.isa, mobilePhone="1")
    start = here.since(minutes=1)
    assert await here.changed(start) == {new.id: "Inserted", here.kim.id: "Deleted", here.isa.id: "Updated"}
    assert await here.changed(start, type="deleted") == {here.kim.id: "Deleted"}
    latest = (await here.client.get("/employees/changed", params={"since": start})).json()["latest"]
    here.bamboo.advance(seconds=5)
    here.bamboo.state.change(here.isa, mobilePhone="2")
    body = (await here.client.get("/employees/changed", params={"since": latest})).json()
    assert set(body["employees"]) == {new.id, here.kim.id, here.isa.id}
    assert body["latest"] > latest
    tables = await here.client.get("/employees/changed/tables/jobInfo", params={"since": latest})
    assert {id: len(one["rows"]) for id, one in tables.json()["employees"].items()} == {new.id: 1, here.isa.id: 1}
    unencoded = await here.client.get(f"/employees/changed?since={latest}")
    assert reason(unencoded) == (400, "since is not a valid ISO 8601 date")
    late = (await here.client.get("/employees/directory")).json()["employees"]
    both = (await here.client.get("/employees/directory", params={"onlyCurrent": "false"})).json()["employees"]
    assert {one["id"] for one in both} - {one["id"] for one in late} == {new.id}


async def test_the_list_has_cursors_filters_and_an_order(here: BambooFromOutside) -> None:
    for number in range(5):
        here.bamboo.state.hire(firstName=f"More{number}", lastName="Dahl")
    ids, query = [], {"page[limit]": "3", "sort": "-lastName,firstName"}
    while True:
        body = (await here.client.get("/employees", params=query)).json()
        ids += [one["firstName"] for one in body["data"]]
        if body["meta"]["page"]["nextCursor"] is None:
            break
        query["page[after]"] = body["meta"]["page"]["nextCursor"]
    assert ids == ["Isa", "Kim", "More0", "More1", "More2", "More3", "More4", "Bo"]
    assert body["meta"]["total"] == 8
    back = {"page[limit]": "3", "sort": "-lastName,firstName", "page[before]": body["meta"]["page"]["prevCursor"]}
    page = (await here.client.get("/employees", params=back)).json()["data"]
    assert [one["firstName"] for one in page] == ["More1", "More2", "More3"]
    two = {"filter[ids][]": [here.isa.id, here.bo.id]}
    assert len((await here.client.get("/employees", params=two)).json()["data"]) == 2
    assert len((await here.client.get("/employees", params={"filter[lastName]": "dah"})).json()["data"]) == 6
    first = (await here.client.get("/employees", params={"filter[lastName]": "dah", "page[limit]": "4"})).json()
    rest = (await here.client.get(first["_links"]["next"]["href"])).json()
    assert (len(rest["data"]), rest["meta"]["total"], "next" in rest["_links"]) == (2, 6, False)
    here.bamboo.largest_page = 2
    assert len((await here.client.get("/employees")).json()["data"]) == 2

    async def refused(**changed: str) -> str:
        response = await here.client.get(
            "/employees", params={name.replace("_", "["): v for name, v in changed.items()}
        )
        assert response.status_code == 400
        return str(response.json()["error"]["code"])

    cursor = (await here.client.get("/employees")).json()["meta"]["page"]["nextCursor"]
    here.bamboo.state.delete(here.bo)
    assert await refused(**{"page_after]": cursor}) == "BadPage"
    assert await refused(**{"page_after]": "wrong"}) == "BadPage"
    assert await refused(sort="hireDate") == "BadRequest"


async def test_xml_is_the_answer_unless_json_is_asked_for(here: BambooFromOutside) -> None:
    async with client_with_key(here.bamboo, here.seed.api_key, "*/*") as client:
        employee = fromstring((await client.get(f"/employees/{here.isa.id}", params={"fields": "firstName"})).text)
        assert (employee.get("id"), employee[0].get("id"), employee[0].text) == (here.isa.id, "firstName", "Isa")
        directory = fromstring((await client.get("/employees/directory")).text)
        assert len(directory.findall("employees/employee")) == 3
        rows = fromstring((await client.get(f"/employees/{here.isa.id}/tables/employmentStatus")).text)
        assert rows[0].get("employeeId") == here.isa.id
        asked = {"since": here.since(hours=2)}
        changes = fromstring((await client.get("/employees/changed", params=asked)).text)
        assert {one.get("action") for one in changes} == {"Inserted"}
        tables = fromstring((await client.get("/employees/changed/tables/jobInfo", params=asked)).text)
        assert len(tables) == 3
        assert (await client.get("/employees")).json()["meta"]["total"] == 3


async def test_a_credential_is_a_key_or_a_token_with_scopes(here: BambooFromOutside) -> None:
    async with client_of(here.bamboo, {"Accept": "application/json"}) as nameless:
        assert reason(await nameless.get("/api/v1/employees"))[0] == 401
        headers = {"Authorization": f"Bearer {here.seed.token}"}
        assert (await nameless.get("/api/v1/meta/users", headers=headers)).status_code == 401
        form = {
            "grant_type": "refresh_token",
            "refresh_token": here.seed.refresh_token,
            "client_id": "app",
            "client_secret": "secret",
        }
        issued = (await nameless.post("/token.php?request=token", data=form)).json()
        assert (issued["expires_in"], issued["scope"]) == (3600, " ".join(SCOPES))
        assert (await nameless.post("/token.php?request=token", data=form)).json()["error"] == "invalid_grant"
        headers = {"Authorization": f"Bearer {issued['access_token']}"}
        users = (await nameless.get("/api/v1/meta/users?status=enabled", headers=headers)).json()
        assert [one["email"] for one in users.values()] == ["offboarding@corp.example"]
        narrow, _ = here.bamboo.state.new_tokens(here.seed.reader, "employee")
        headers = {"Authorization": f"Bearer {narrow.value}"}
        assert (await nameless.get("/api/v1/employees", headers=headers)).status_code == 200
        assert (await nameless.get("/api/v1/webhooks", headers=headers)).status_code == 403
    async with httpx.AsyncClient(auth=(here.seed.api_key, "x"), verify=False, trust_env=False) as old:
        assert (await old.get(f"{here.bamboo.gateway_url}/employees/directory")).status_code == 200
    here.seed.reader.enabled = False
    assert reason(await here.client.get("/employees")) == (401, "Invalid API key")


async def test_faults_have_bamboohrs_forms(here: BambooFromOutside) -> None:
    faults, path = here.bamboo.faults, f"/employees/{here.isa.id}"
    faults.limit()
    limited = await here.client.get(path)
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "30")
    faults.break_down(status=503)
    throttled = await here.client.get(path)
    assert (throttled.status_code, throttled.headers["retry-after"], throttled.content) == (503, "30", b"")
    here.bamboo.retry_after = None
    faults.break_down(status=503)
    assert "retry-after" not in (await here.client.get(path)).headers
    faults.break_down(status=500)
    assert reason(await here.client.get(path)) == (500, "Internal error")
    faults.expire()
    assert (await here.client.get(path)).status_code == 401
    faults.cut()
    with pytest.raises(httpx.RemoteProtocolError):
        await here.client.get(path)
    faults.hide_list("/tables/")
    assert await here.statuses(here.isa.id) == []


async def test_a_request_that_bamboohr_does_not_describe_is_a_violation(here: BambooFromOutside) -> None:
    for query in ({"fields": "terminationDate"}, {"filter[status]": "gone"}, {"page[size]": "1"}, {"order": "x"}):
        assert (await here.client.get("/employees", params=query)).status_code == 400
    assert (await here.client.get("/employees/changed")).status_code == 400
    assert (await here.client.get("/people")).status_code == 404
    assert len(here.bamboo.violations) == 5
    here.bamboo.violations.clear()


async def test_the_whole_company_can_be_seeded_in_bamboohr() -> None:
    async with BambooSimulator().start() as bamboo:
        seed = seed_bamboohr(bamboo)
        assert {one.id for one in seed.employees.values()} == bamboo.state.employees.keys()
        assert bamboo.state.effects == []
