"""What an OpenID provider publishes: its discovery document, its keys, and answers of limited size.

Everything here is written by the provider, so nothing is believed to have the type that it should have.
"""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, TypeGuard

import httpx
from joserfc.jwk import JWKRegistry, Key, KeySet

from connectors.network.tls import is_loopback

LARGEST_ANSWER: Final = 1 << 20  # bytes; providers send a few kB
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_BY_SECRET: Final = ("client_secret_basic", "client_secret_post")


class ProviderProblem(Exception):
    """The provider's documents cannot be used. `remedy` is for an administrator."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy


class AnswerTooLarge(httpx.ReadError):
    """An answer is larger than `LARGEST_ANSWER`, or compressed although that was not asked for."""


async def bound_answer(response: httpx.Response) -> None:
    """For the event hooks of an `httpx` client: reading the answer raises `AnswerTooLarge` beyond the limit."""
    stream = response.stream
    assert isinstance(stream, httpx.AsyncByteStream)
    response.stream = _Bounded(stream)
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        await response.aclose()
        raise AnswerTooLarge("compressed", request=response.request)


CLIENT: Final[Mapping[str, Any]] = {
    "event_hooks": {"response": [bound_answer]},
    "headers": {"Accept-Encoding": "identity"},
    "follow_redirects": False,
}
"""Arguments of every `httpx` client that asks the provider."""


class _Bounded(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for part in self._stream:
            size += len(part)
            if size > LARGEST_ANSWER:
                raise AnswerTooLarge("too large")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


def is_text(value: object) -> TypeGuard[str]:
    """Whether a claim is a text that can be encoded: JSON can hold half of a surrogate pair."""
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def document(response: httpx.Response) -> dict[str, Any]:
    """The JSON object in an answer. Raises `httpx.HTTPError`, `ValueError`."""
    try:
        found = response.raise_for_status().json()
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found


def require_usable(metadata: Mapping[str, Any], issuer: str) -> None:
    """That a discovery document is the issuer's (OpenID Connect Discovery 1.0, section 4.3), and that its addresses
    are https, or on this machine. Raises `ProviderProblem`."""
    named = metadata.get("issuer")
    if not isinstance(named, str) or named.rstrip("/") != issuer.rstrip("/"):
        raise ProviderProblem(
            "The identity provider's issuer differs from the setting.",
            "Set OFFBOARD_OIDC_ISSUER to the issuer in its discovery document.",
        )
    optional = ("userinfo_endpoint",) if metadata.get("userinfo_endpoint") is not None else ()
    for name in (*_ENDPOINTS, *optional):
        if not _is_private(metadata.get(name)):
            raise ProviderProblem(
                f"The identity provider's discovery document has no https address as {name}.",
                f"Correct {name} at the identity provider, or OFFBOARD_OIDC_ISSUER.",
            )


def _is_private(address: object) -> bool:
    try:
        url = httpx.URL(address if isinstance(address, str) else "")
        return bool(url.host) and (url.scheme == "https" or (url.scheme == "http" and is_loopback(url.host)))
    except (httpx.InvalidURL, ValueError):
        return False


def client_authentication(metadata: Mapping[str, Any], secret: str) -> str | None:
    """How the client proves itself at the token endpoint; None for the library's own choice. Without a list, a provider
    takes client_secret_basic (OpenID Connect Discovery 1.0, section 3). Raises `ProviderProblem`."""
    methods = metadata.get("token_endpoint_auth_methods_supported")
    if not secret or not isinstance(methods, list):
        return None
    for method in _BY_SECRET:
        if method in methods:
            return method
    raise ProviderProblem(
        "The identity provider takes neither client_secret_basic nor client_secret_post, the ways in which Offboard's "
        "client proves itself.",
        "Allow one of the two for the client that is registered for Offboard.",
    )


def usable_keys(found: Mapping[str, Any]) -> KeySet:
    """The keys that can check a signature. Others are ignored: of a kind or curve that is not known, malformed, or for
    another use (RFC 7517 section 5). Raises `ProviderProblem` where none is left."""
    listed = found.get("keys")
    keys = [key for each in (listed if isinstance(listed, list) else ()) if (key := _key(each)) is not None]
    if not keys:
        raise ProviderProblem(
            "The identity provider publishes no key with which its tokens can be checked.",
            "Give the client a signing key of RSA, P-256, P-384 or Ed25519 at the identity provider.",
        )
    return KeySet(keys)


def _key(written: Any) -> Key | None:
    if not isinstance(written, dict) or written.get("kty") not in ("RSA", "EC", "OKP"):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about short keys
            key = JWKRegistry.import_key(written)
            key.get_op_key("verify")
    except Exception:  # of joserfc, cryptography or Python itself, by what is wrong with the key
        return None
    return key
