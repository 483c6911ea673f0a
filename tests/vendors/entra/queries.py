"""OData queries as Graph takes them: `$filter`, `$select`, `$top` and pages by `@odata.nextLink`.

`ne`, `not`, `endsWith` and `$search` are advanced queries: https://learn.microsoft.com/graph/aad-advanced-queries. They
need the header `ConsistencyLevel: eventual` and `$count=true`."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call, VendorRefusal, answer
from tests.vendors.entra.documents import VendorDocument
from tests.vendors.entra.errors import error, unsupported_query

UserCondition = Callable[[Mapping[str, Any]], bool]
WORD = re.compile(r"\s*('(?:[^']|'')*'|[(),]|[^\s(),]+)")
ANY = re.compile(r"(\w+)/any\((\w+):\s*(.*?)\)(?=\s|$|\))")
MOST_IN_A_PAGE = 999
DEFAULT_IN_A_PAGE = 100


def listed(
    call: Call,
    url: str,
    documents: Sequence[VendorDocument],
    shown: Collection[str] = (),
    fields: Collection[str] = (),
    expanded: Collection[str] = (),
) -> Response:
    """The page that the request asks for. `shown` are the fields without `$select`, `fields` those that `$filter`
    takes; both empty: all. `expanded` are fields that the request may have expanded, which `$select` does not name."""
    advanced = call.headers.get("consistencylevel") == "eventual" and call.flag("$count")
    if text := call.first("$filter"):
        condition, rest = _either(_words(text), fields, advanced)
        if rest:
            raise _invalid(text)
        documents = [one for one in documents if condition(one)]
    if search := call.first("$search"):
        if call.headers.get("consistencylevel") != "eventual":
            raise unsupported_query(
                "Request with $search query parameter only works through MSGraph with a special "
                "request header: 'ConsistencyLevel: eventual'"
            )
        name, _, word = search.strip('"').partition(":")
        documents = [one for one in documents if word.lower() in str(one.get(name, "")).lower()]
    top = int(call.first("$top", str(DEFAULT_IN_A_PAGE)))
    if not 1 <= top <= MOST_IN_A_PAGE:
        raise unsupported_query(f"Invalid page size specified: '{top}'. Must be between 1 and 999 inclusive.")
    top = call.page_size(top)
    start = int(call.first("$skiptoken", "0"))
    body: VendorDocument = {"@odata.context": f"{url}/v1.0/$metadata#{call.path.rsplit('/', 1)[-1]}"}
    if advanced:
        body["@odata.count"] = len(documents)
    if start + top < len(documents):
        query = {**call.query, "$skiptoken": [str(start + top)]}
        body["@odata.nextLink"] = f"{url}{call.path}?{urlencode(query, doseq=True, safe='$')}"
    body["value"] = [selected(call, one, shown, expanded) for one in documents[start : start + top]]
    return answer(body)


def selected(
    call: Call, document: VendorDocument, shown: Collection[str] = (), expanded: Collection[str] = ()
) -> VendorDocument:
    """The fields that `$select` names; annotations of OData stay."""
    names = call.first("$select").split(",") if call.first("$select") else shown
    if not names:
        return document
    return {name: one for name, one in document.items() if name in names or name in expanded or name.startswith("@")}


def _words(text: str) -> list[str]:
    """A condition on any element of an array becomes one word: `proxyAddresses/any(x:x eq 'smtp:a')`."""
    found: list[str] = []

    def keep(match: re.Match[str]) -> str:
        found.append(match[0])
        return f"any#{len(found) - 1}"

    words = WORD.findall(ANY.sub(keep, text))
    return [found[int(word[4:])] if word.startswith("any#") else word for word in words]


def _either(words: list[str], fields: Collection[str], advanced: bool) -> tuple[UserCondition, list[str]]:
    first, words = _both(words, fields, advanced)
    if words[:1] == ["or"]:
        second, words = _either(words[1:], fields, advanced)
        return lambda document: first(document) or second(document), words
    return first, words


def _both(words: list[str], fields: Collection[str], advanced: bool) -> tuple[UserCondition, list[str]]:
    first, words = _one(words, fields, advanced)
    if words[:1] == ["and"]:
        second, words = _both(words[1:], fields, advanced)
        return lambda document: first(document) and second(document), words
    return first, words


def _one(words: list[str], fields: Collection[str], advanced: bool) -> tuple[UserCondition, list[str]]:
    if not words:
        raise _invalid("")
    if words[0] == "(":
        inner, words = _either(words[1:], fields, advanced)
        return inner, _after(words, ")")
    if words[0] == "not":
        _need_advanced(advanced)
        inner, words = _one(words[1:], fields, advanced)
        return lambda document: not inner(document), words
    if match := ANY.fullmatch(words[0]):
        name, variable, condition = match.groups()
        inner, _ = _either(_words(condition), (), advanced)
        return lambda document: any(inner({variable: one}) for one in document.get(name, [])), words[1:]
    if words[0].lower() in ("startswith", "endswith"):
        return _text_function(words, fields, advanced)
    if len(words) < 3:
        raise _invalid(" ".join(words))
    name = _field(words[0], fields)
    if words[1] == "in":
        end = words.index(")")
        values = [_value(word) for word in words[3:end] if word != ","]
        return lambda document: _folded(document.get(name)) in map(_folded, values), words[end + 1 :]
    operator, value = words[1], _value(words[2])
    if operator not in ("eq", "ne", "ge", "le"):
        raise _invalid(" ".join(words))
    if operator == "ne":
        _need_advanced(advanced)

    def condition_of(document: Mapping[str, Any]) -> bool:
        found = document.get(name)
        if operator in ("eq", "ne"):
            return bool(_folded(found) == _folded(value)) == (operator == "eq")
        return bool(found is not None and (found >= value if operator == "ge" else found <= value))

    return condition_of, words[3:]


def _text_function(words: list[str], fields: Collection[str], advanced: bool) -> tuple[UserCondition, list[str]]:
    if len(words) < 6 or words[1] != "(" or words[3] != ",":
        raise _invalid(" ".join(words))
    starts = words[0].lower() == "startswith"
    if not starts:
        _need_advanced(advanced)
    name, value = _field(words[2], fields), str(_value(words[4])).casefold()

    def condition_of(document: Mapping[str, Any]) -> bool:
        found = str(document.get(name) or "").casefold()
        return found.startswith(value) if starts else found.endswith(value)

    return condition_of, _after(words[5:], ")")


def _field(name: str, fields: Collection[str]) -> str:
    if fields and name not in fields:
        raise unsupported_query(
            f"Unsupported or invalid query filter clause specified for property '{name}' of resource."
        )
    return name


def _value(word: str) -> Any:
    if word.startswith("'"):
        return word[1:-1].replace("''", "'")
    return {"true": True, "false": False, "null": None}.get(word, word)


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _after(words: list[str], expected: str) -> list[str]:
    if words[:1] != [expected]:
        raise _invalid(" ".join(words))
    return words[1:]


def _need_advanced(advanced: bool) -> None:
    if not advanced:
        raise unsupported_query(
            "Operator is not supported because the 'ConsistencyLevel: eventual' header and $count=true are missing."
        )


def _invalid(text: str) -> VendorRefusal:
    return VendorRefusal(error(400, "BadRequest", f"Invalid filter clause: Syntax error in '{text}'."))
