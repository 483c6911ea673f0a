"""Webhooks on their page: added, given a new secret, disabled."""

from __future__ import annotations

import html
import re

from tests.web.conftest import Visit

_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")


async def test_a_webhook_is_added_given_a_new_secret_and_disabled(visit: Visit) -> None:
    owner = await visit("safety-owner")
    added = await owner.submit("/webhooks", {"url": "https://localhost/of-a-page", "types": ["gate", "run.closed"]})
    first = _SECRET.search(html.unescape(added.text))
    assert added.status_code == 200 and first is not None, added.text
    page = await owner.get("/webhooks")
    assert "https://localhost/of-a-page" in page.text and "gate, run.closed" in page.text
    assert _SECRET.search(page.text) is None, "a secret is shown once"
    hook = re.findall(r'action="/webhooks/(w_[0-9a-f]+)/disable"', page.text)[-1]
    rotated = await owner.submit(f"/webhooks/{hook}/secret")
    second = _SECRET.search(html.unescape(rotated.text))
    assert second is not None and second[0] != first[0]
    disabled = await owner.submit(f"/webhooks/{hook}/disable")
    assert "The webhook is disabled" in disabled.text and f"/webhooks/{hook}/disable" not in disabled.text


async def test_a_host_that_is_not_on_the_list_and_an_unknown_event_are_refused(visit: Visit) -> None:
    owner = await visit("safety-owner")
    for fields in (
        {"url": "https://evil.example/take"},
        {"url": "http://hooks.example.com/plain"},
        {"url": ""},
        {"url": "https://localhost/x", "types": ["person.named"]},
        {"url": "https://localhost/x", "packets": ["no-such-packet"]},
    ):
        page = await owner.submit("/webhooks", fields)
        assert page.status_code in (403, 404, 422), (fields, page.status_code)
        assert 'role="alert"' in page.text and _SECRET.search(page.text) is None
    assert (await owner.submit("/webhooks/w_0000000000000000/secret")).status_code == 404


async def test_webhooks_are_for_a_safety_owner(visit: Visit) -> None:
    for alias in ("hr", "auditor", "operator", "value-owner"):
        browser = await visit(alias)
        assert (await browser.get("/webhooks")).status_code == 403, alias
        assert (await browser.submit("/webhooks", {"url": "https://localhost/x"})).status_code == 403, alias
