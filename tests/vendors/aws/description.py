"""AWS's description of its services, as botocore brings it: it reads the fields of a request, checks them and answers,
and writes an answer as XML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from xml.sax.saxutils import escape

import botocore.loaders
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.validate import ParamValidator

SERVICES = ("iam", "sts")
COMMON_ERRORS = {
    "AccessDenied": 403, "ExpiredToken": 403, "InvalidClientTokenId": 403, "SignatureDoesNotMatch": 403,
    "MissingAuthenticationToken": 403, "IncompleteSignature": 400, "InvalidAction": 400, "ValidationError": 400,
    "Throttling": 400, "InternalFailure": 500, "ServiceUnavailable": 503, "RequestExpired": 400,
}  # fmt: skip
"""docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html."""


class AwsDescription:
    """The part of `vendors.description.Description` that a simulator uses. Operations are names of actions."""

    @classmethod
    @cache
    def read(cls) -> AwsDescription:
        return cls()

    def __init__(self) -> None:
        loader = botocore.loaders.Loader()
        self._actions: dict[str, OperationModel] = {}
        for service in SERVICES:
            model = ServiceModel(loader.load_service_model(service, "service-2"), service)
            self._actions |= {name: model.operation_model(name) for name in model.operation_names}
        self._validator = ParamValidator()

    def describes(self, operation: str) -> bool:
        return operation in self._actions

    def faults_of_request(self, operation: str, query: Mapping[str, list[str]], body: Any) -> Iterator[str]:
        fields = {name: values[0] for name, values in query.items() if name not in ("Action", "Version")}
        shape = self._actions[operation].input_shape
        if shape is None:
            yield from (f"{operation}: the field {name} is not described" for name in fields)
            return
        known: set[str] = set()
        given = _decoded(shape, "", fields, known)
        yield from (f"{operation}: the field {name} is not described" for name in sorted(fields.keys() - known))
        yield from self._faults(operation, given or {}, shape)
        for name, value in fields.items():
            member = shape.members.get(name)
            pattern = member.metadata.get("pattern") if member is not None else None
            if pattern and not re.fullmatch(_python(pattern), value):
                yield f"{operation}: {name} does not have the form {pattern}"
            allowed = getattr(member, "enum", None)
            if allowed and value not in allowed:
                yield f"{operation}: {name} is none of {', '.join(allowed)}"

    def faults_of_answer(self, operation: str, status: int, body: Any) -> Iterator[str]:
        model = self._actions[operation]
        if status >= 400:
            code = body["Error"]["Code"]
            described = {shape.error_code: shape.metadata["error"]["httpStatusCode"] for shape in model.error_shapes}
            if (described | COMMON_ERRORS).get(code) != status:
                yield f"{operation}: the error {code} with status {status} is not described"
        elif model.output_shape is not None:
            yield from self._faults(operation, body, model.output_shape)
        elif body:
            yield f"{operation}: an answer with fields is not described"

    def _faults(self, operation: str, given: Any, shape: Shape) -> Iterator[str]:
        report = self._validator.validate(given, shape)
        if report.has_errors():
            yield f"{operation}: {report.generate_report()}"

    def nothing(self, operation: str) -> dict[str, Any]:
        """An answer with empty lists."""
        shape = self._actions[operation].output_shape
        members = {} if shape is None else shape.members
        lists: dict[str, Any] = {name: [] for name, one in members.items() if one.type_name == "list"}
        return lists | ({"IsTruncated": False} if "IsTruncated" in members else {})

    def written(self, operation: str, body: Mapping[str, Any], request_id: str) -> str:
        """An answer as AWS writes it (protocol `query`)."""
        model = self._actions[operation]
        shape = model.output_shape
        result = f"<{operation}Result>{_members(shape, body)}</{operation}Result>" if shape is not None else ""
        metadata = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        space = model.service_model.metadata["xmlNamespace"]
        return f'<{operation}Response xmlns="{space}">{result}{metadata}</{operation}Response>'


def _decoded(shape: Shape, prefix: str, fields: Mapping[str, str], known: set[str]) -> Any:
    """The value of a shape in fields such as `Tags.member.1.Key`; None where there is none. Adds to `known` the names
    that were read."""
    if shape.type_name == "structure":
        found = {name: _decoded(one, f"{prefix}{name}", fields, known) for name, one in shape.members.items()}
        found = {name: value for name, value in found.items() if value is not None}
        return found or None
    if shape.type_name == "list":
        items: list[Any] = []
        while (item := _decoded(shape.member, f"{prefix}.member.{len(items) + 1}", fields, known)) is not None:
            items.append(item)
        return items or None
    if prefix not in fields:
        return None
    known.add(prefix)
    value = fields[prefix]
    if shape.type_name == "boolean":
        return value == "true"
    return int(value) if shape.type_name in ("integer", "long") else value


def _python(pattern: str) -> str:
    """A pattern of the description (Java) in Python's form."""
    return re.sub(r"\\u([0-9A-Fa-f]{4})", lambda found: re.escape(chr(int(found[1], 16))), pattern)


def _members(shape: Shape, value: Mapping[str, Any]) -> str:
    parts = []
    for name, member in shape.members.items():
        if name in value:
            written = _written(member, value[name])
            parts.append(f"<{name}>{written}</{name}>" if written else f"<{name}/>")
    return "".join(parts)


def _written(shape: Shape, value: Any) -> str:
    if shape.type_name == "structure":
        return _members(shape, value)
    if shape.type_name == "list":
        name = shape.member.serialization.get("name", "member")
        return "".join(f"<{name}>{_written(shape.member, one)}</{name}>" for one in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape(str(value))
