"""Unpacks the body of a response and reads it, as JSON unless a vendor's interface has another form."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from connectors.boundary.storable import is_storable

ACCEPTED_ENCODINGS = "gzip, deflate"
"""The content codings (RFC 9110 section 8.4.1) that are asked for and unpacked."""


class Unpacker(Protocol):
    def unpack(self, data: bytes, max_bytes: int) -> bytes:
        """At most `max_bytes` of what `data` unpacks to. Raises `ValueError` for data that is not packed so."""
        ...

    def finish(self) -> None:
        """Raises `ValueError` where the packed data ended too early."""
        ...


class _Plain:
    def unpack(self, data: bytes, max_bytes: int) -> bytes:
        return data[:max_bytes]

    def finish(self) -> None:
        return None


class _Zlib:
    """gzip, with all its members (RFC 1952 section 2.2), and deflate, both as RFC 9110 section 8.4.1.2 has it (with a
    zlib header) and without the header, as some servers send it."""

    def __init__(self, *, deflate: bool) -> None:
        self._deflate = deflate
        self._decompressor = _with_header()
        self._begun = False

    def unpack(self, data: bytes, max_bytes: int) -> bytes:
        unpacked = bytearray()
        while data and len(unpacked) < max_bytes:
            if self._decompressor.eof:
                if self._deflate:
                    raise ValueError("data follow the packed body")
                self._decompressor, self._begun = _with_header(), False
            unpacked += self._unpack(data, max_bytes - len(unpacked))
            data = self._decompressor.unused_data
        return bytes(unpacked)

    def _unpack(self, data: bytes, max_bytes: int) -> bytes:
        try:
            try:
                unpacked: bytes = self._decompressor.decompress(data, max_bytes)
            except zlib.error:
                if self._begun or not self._deflate:
                    raise
                self._decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
                unpacked = self._decompressor.decompress(data, max_bytes)
        except zlib.error:
            raise ValueError("the body cannot be unpacked") from None
        self._begun = True
        return unpacked

    def finish(self) -> None:
        if self._begun and not self._decompressor.eof:
            raise ValueError("the packed body ended too early")


def _with_header() -> Any:
    return zlib.decompressobj(zlib.MAX_WBITS | 32)  # detects gzip and zlib headers


def unpacker_for(content_encoding: str) -> Unpacker:
    """For the value of a Content-Encoding header. Raises `ValueError` for a coding that was not asked for."""
    match content_encoding.strip().lower():
        case "" | "identity":
            return _Plain()
        case "gzip" | "x-gzip":
            return _Zlib(deflate=False)
        case "deflate":
            return _Zlib(deflate=True)
    raise ValueError("the body has an encoding that was not requested")


def read_json(body: bytes) -> Any:
    """The JSON value (RFC 8259: in UTF-8, and no NaN), None for an empty body. Raises `ValueError`, also for text that
    cannot be stored."""
    if not body.strip():
        return None
    text = body.decode("utf-8-sig")
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    # JSON takes NUL and lone surrogates as escape sequences only.
    if "\\u" in text and not is_storable(value):
        raise ValueError("holds a NUL or a lone surrogate")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


@dataclass(frozen=True, slots=True)
class BodyForm:
    """The form of a vendor's bodies. `read` makes JSON values of a body, None of an empty one, and raises `ValueError`
    for a body of another form or with text that cannot be stored."""

    name: str
    read: Callable[[bytes], Any]

    def read_or_none(self, body: bytes) -> Any:
        """The same, and None for a body of another form."""
        try:
            return self.read(body)
        except ValueError:
            return None


JSON = BodyForm("JSON", read_json)
