"""Several requests in one: the answer is 200 whatever happened to each (https://learn.microsoft.com/graph/json-batching).

The answers come in another order than the requests, as Graph permits, so that a client must match them by id.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call, VendorRefusal, answer
from tests.vendors.entra.errors import error

if TYPE_CHECKING:
    from tests.vendors.entra.simulator import EntraSimulator

MOST_REQUESTS = 20


def run_batch(entra: EntraSimulator, call: Call) -> Response:
    """A request runs only if those that it depends on succeeded."""
    wanted: list[dict[str, Any]] = (call.body or {}).get("requests", [])
    ids = [str(one.get("id")) for one in wanted]
    if not wanted or len(wanted) > MOST_REQUESTS or len(set(ids)) < len(ids):
        raise VendorRefusal(error(400, "BadRequest", "Invalid batch payload format."))
    answers: dict[str, Response] = {}
    for id, one in zip(ids, wanted, strict=True):
        if any(answers[str(other)].status_code >= 400 for other in one.get("dependsOn", [])):
            answers[id] = error(424, "FailedDependency", "A request that this one depends on failed.")
        else:
            answers[id] = entra.within(call, one["method"], "/v1.0" + one["url"], one.get("body"), one.get("headers"))
    return answer({"responses": [_shown(id, response) for id, response in reversed(answers.items())]})


def _shown(id: str, response: Response) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"} if response.body else {}
    if "retry-after" in response.headers:
        headers["Retry-After"] = response.headers["retry-after"]
    shown = {"id": id, "status": response.status_code, "headers": headers}
    return {**shown, "body": json.loads(bytes(response.body))} if response.body else shown
