"""AWS's description of the Identity Store and of IAM Identity Center, as botocore brings it, beside that of IAM."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.loaders
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.validate import ParamValidator

from tests.vendors.aws.description import AwsDescription

MODELS = {"identitystore": "identitystore", "sso": "sso-admin"}
COMMON_ERRORS = frozenset(
    {
        "UnrecognizedClientException", "InvalidSignatureException", "MissingAuthenticationTokenException",
        "ExpiredTokenException", "ThrottlingException", "AccessDeniedException", "ServiceUnavailable",
        "InternalServerException",
    }
)  # fmt: skip
"""Errors that every service of AWS has, beside those of an action's own description."""


class CenterDescription:
    """Operations are named `identitystore:DeleteUser`; those of IAM and STS have the name of the action alone."""

    @classmethod
    @cache
    def read(cls) -> CenterDescription:
        return cls()

    def __init__(self) -> None:
        loader = botocore.loaders.Loader()
        self._actions: dict[str, OperationModel] = {}
        for service, name in MODELS.items():
            model = ServiceModel(loader.load_service_model(name, "service-2"), name)
            self._actions |= {f"{service}:{one}": model.operation_model(one) for one in model.operation_names}
        self._validator = ParamValidator()
        self._iam = AwsDescription.read()

    def describes(self, operation: str) -> bool:
        return operation in self._actions or self._iam.describes(operation)

    def faults_of_request(self, operation: str, query: Mapping[str, list[str]], body: Any) -> Iterator[str]:
        if operation not in self._actions:
            yield from self._iam.faults_of_request(operation, query, body)
            return
        shape = self._actions[operation].input_shape
        assert shape is not None
        yield from self._faults(operation, body, shape)

    def faults_of_answer(self, operation: str, status: int, body: Any) -> Iterator[str]:
        if operation not in self._actions:
            yield from self._iam.faults_of_answer(operation, status, body)
            return
        model = self._actions[operation]
        if status < 400:
            assert model.output_shape is not None
            yield from self._faults(operation, body, model.output_shape)
            return
        code = body["__type"]
        described = {shape.error_code: shape for shape in model.error_shapes}
        if code in described:
            given = {name: value for name, value in body.items() if name != "__type"}
            yield from self._faults(f"{operation}: {code}", given, described[code])
        elif code not in COMMON_ERRORS:
            yield f"{operation}: the error {code} is not described"
        expected = 500 if code == "InternalServerException" else 503 if code == "ServiceUnavailable" else 400
        if status != expected:
            yield f"{operation}: the error {code} has the status {status}"

    def written(self, operation: str, body: Mapping[str, Any], request_id: str) -> str:
        """An answer of IAM and STS, in XML."""
        return self._iam.written(operation, body, request_id)

    def _faults(self, operation: str, given: Any, shape: Shape) -> Iterator[str]:
        report = self._validator.validate(given, shape)
        if report.has_errors():
            yield f"{operation}: {report.generate_report()}"
            return
        yield from _unlike(operation, given, shape)


def _unlike(place: str, given: Any, shape: Shape) -> Iterator[str]:
    """Texts that do not have the form of the description. Patterns with classes of Unicode, which Python's `re` does
    not have, are not checked: those of names and other free text."""
    if shape.type_name == "structure" and not getattr(shape, "is_document_type", False):
        for name, value in given.items():
            yield from _unlike(f"{place}: {name}", value, shape.members[name])
    elif shape.type_name == "list":
        for one in given:
            yield from _unlike(place, one, shape.member)
    elif shape.type_name == "string":
        pattern = shape.metadata.get("pattern", "")
        if pattern and "\\p" not in pattern and not re.fullmatch(pattern, given):
            yield f"{place} does not have the form {pattern}"
        if getattr(shape, "enum", None) and given not in shape.enum:
            yield f"{place} is none of {', '.join(shape.enum)}"
