"""AWS signatures of what the client sends, computed again from what a server receives."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import parse_qsl, quote

from connectors.http.aws import AwsSignature
from connectors.http.client import HttpClient
from connectors.http.requests import Flow, Request
from tests.connectors.raw_servers import listening
from tests.connectors.scripted_server import ReceivedRequest, ScriptedAnswer, ScriptedServer


async def test_a_signature_covers_the_query_as_aws_reads_it() -> None:
    """The signature that AWS computes from the decoded query (create-signed-request, step 1: spaces are %20)."""
    secret, expected = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", []

    def answer(asked: ReceivedRequest) -> ScriptedAnswer:
        path, _, query = asked.target.partition("?")
        pairs = sorted(
            (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
            for name, value in parse_qsl(query, keep_blank_values=True)
        )
        given = dict(part.split("=") for part in asked.headers["authorization"].partition(" ")[2].split(", "))
        signed = given["SignedHeaders"].split(";")
        canonical = "\n".join(
            [
                asked.method,
                path,
                "&".join(f"{name}={value}" for name, value in pairs),
                *(f"{name}:{asked.headers[name]}" for name in signed),
                "",
                ";".join(signed),
                hashlib.sha256(asked.body).hexdigest(),
            ]
        )
        at, key = asked.headers["x-amz-date"], f"AWS4{secret}".encode()
        scope = given["Credential"].partition("/")[2]
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        text = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        expected.append((hmac.digest(key, text.encode(), "sha256").hex(), given["Signature"]))
        return ScriptedAnswer(200, {})

    auth = AwsSignature(
        access_key_id="AKIDEXAMPLE", secret_access_key=secret, service="identitystore", region="eu-central-1"
    )
    async with listening(ScriptedServer(answer).serve) as port:
        client = HttpClient(f"http://127.0.0.1:{port}", auth, allowed_hosts=["127.0.0.1"])

        def flow() -> Flow[None]:
            yield Request("GET", ("users",), params={"filter": 'name eq "Ida Ö"', "b": "a+b~c/*&=%", "a": ""})
            yield Request("POST", ("users",), params={"Z": " "}, json={"a": "b c"})

        await client.run(flow(), deadline=30.0)
        await client.aclose()
    assert len(expected) == 2
    assert all(wanted == given for wanted, given in expected)
