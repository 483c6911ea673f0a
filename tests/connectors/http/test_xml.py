"""Bodies in XML: what is read, and what is refused."""

from __future__ import annotations

import pytest

from connectors.http.xml import read_xml

DEEP = "<a>" * 60 + "</a>" * 60


def test_elements_become_objects_texts_and_lists() -> None:
    body = b"""<?xml version="1.0" encoding="UTF-8"?>
    <R xmlns="https://iam.amazonaws.com/doc/2010-05-08/">
      <Users> <member><Name>Isa &amp; \xc3\x85sa</Name><Path/></member> <member><Name> x </Name></member> </Users>
      <Tags></Tags><Truncated>false</Truncated>
      <Map><entry><key>Users</key><value>2</value></entry></Map>
    </R>"""
    assert read_xml(body) == {
        "R": {
            "Users": [{"Name": "Isa & Åsa", "Path": ""}, {"Name": " x "}],
            "Tags": "",
            "Truncated": "false",
            "Map": [{"key": "Users", "value": "2"}],
        }
    }
    assert read_xml(b" \n") is None


@pytest.mark.parametrize(
    "body",
    [
        "<html><body>Sign in<br></body></html>",
        '{"a": 1}',
        "<a>",
        "<a></a><b></b>",
        "<a>text<b>x</b></a>",
        "<a><b>1</b><b>2</b></a>",
        "<a><member>1</member><b>2</b></a>",
        "<a><b>2</b><member>1</member></a>",
        DEEP,
        '<!DOCTYPE a [<!ENTITY x "yyyyyyyy">]><a>&x;</a>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        "<a>&x;</a>",
        "<a>\x00</a>",
        '<?xml version="1.0" encoding="unknown-1"?><a/>',
        "<a>&#0;</a>",
        "<a>&#xD800;</a>",
    ],
)
def test_anything_else_is_refused(body: str) -> None:
    with pytest.raises(ValueError):
        read_xml(body.encode())
