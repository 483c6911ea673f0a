"""Signing in at an OpenID provider: authorisation code with PKCE (RFC 7636), and what its ID token says.

The token's signature, issuer, audience, nonce and times are checked (OpenID Connect Core 1.0, section 3.1.3.7);
algorithms are named here, so that no token chooses its own.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import authlib.deprecate  # it has its own warnings shown always: after that they can be left out
import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from orchestrator.web.access.logout_tokens import LoggedOut, logged_out
from orchestrator.web.access.provider_documents import (
    CLIENT,
    ProviderProblem,
    client_authentication,
    document,
    is_text,
    require_usable,
    usable_keys,
)
from orchestrator.web.settings import OidcSettings

with warnings.catch_warnings():
    # Authlib would rather have another HTTP library than the one that this project is to use.
    warnings.simplefilter("ignore", authlib.deprecate.AuthlibDeprecationWarning)
    from authlib.integrations.base_client.errors import OAuthError
    from authlib.integrations.httpx_client import AsyncOAuth2Client
    from authlib.oidc.core import CodeIDToken

T = TypeVar("T")

ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]
METADATA_TTL_SECONDS = 3600.0
"""Seconds for which the provider's discovery document and keys are cached; an unknown key is looked up again."""
REFRESH_SECONDS = 5.0
"""Seconds for which an unknown key is not looked up again."""
TIMEOUT_SECONDS = 10.0
"""Seconds for one answer of the provider to its end; both documents together take no longer."""
FAILURE_TTL_SECONDS = 10.0
"""Seconds for which a provider that could not be reached is not asked again: sign-ins are refused at once."""
CLOCK_LEEWAY_SECONDS = 60
"""Seconds by which two clocks may differ."""


_ABOUT_THE_CLIENT = frozenset({"invalid_client", "unauthorized_client"})  # RFC 6749 section 5.2
_UNUSABLE_ANSWER = (
    httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError, AssertionError, OverflowError, RecursionError,
    TimeoutError,
)  # fmt: skip
"""Errors that the libraries raise for a response or token with parts of unexpected types."""


class SignInFailed(Exception):
    """The provider refused, cannot be reached, or said something that does not hold. Place, cause and remedy."""

    def __init__(self, cause: str, remedy: str, *, ours: bool = False) -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy
        self.ours = ours
        """Whether an administrator must act, rather than the user who signs in."""

    def again(self) -> SignInFailed:
        """The same failure, for another sign-in."""
        return SignInFailed(self.cause, self.remedy, ours=self.ours)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signed in, by the provider's word: `subject` is theirs at this issuer for ever, `person` what HR knows them
    by, `roles` what their groups are worth here."""

    subject: str
    person: str | None
    roles: frozenset[str]
    name: str | None
    email: str | None
    zone: str | None
    auth_time: datetime | None
    acr: str | None


class Provider:
    """One OpenID provider. Raises `SignInFailed`."""

    def __init__(self, settings: OidcSettings, callback: str) -> None:
        self.settings = settings
        self._callback = callback
        self._trusted = httpx.create_ssl_context()  # once: reading the public certificates takes about 20 ms
        self._http = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, verify=self._trusted, **CLIENT)
        self._metadata: dict[str, Any] = {}
        self._keys: KeySet | None = None
        self._read_at = 0.0
        self._reading: asyncio.Task[None] | None = None
        self._failed: SignInFailed | None = None
        self._failed_at = 0.0

    async def begin(self, *, step_up: bool) -> tuple[str, str, dict[str, str]]:
        """Where to send the browser, the state that it comes back with, and what to keep until then. `step_up` asks
        the provider to have them prove again who they are."""
        metadata, _ = await self._known()
        kept = {"nonce": secrets.token_urlsafe(32), "verifier": secrets.token_urlsafe(48)}
        more: dict[str, str] = {}
        if step_up:
            more = {"max_age": "0", "prompt": "login"}
            if self.settings.step_up_acr:
                more["acr_values"] = " ".join(self.settings.step_up_acr)
        async with self._client(metadata) as client:
            url, state = client.create_authorization_url(
                metadata["authorization_endpoint"], code_verifier=kept["verifier"], nonce=kept["nonce"], **more
            )
        return url, state, kept

    async def finish(self, query: str, state: str, kept: Mapping[str, str]) -> Identity:
        """`query` is the query string that the browser came back with."""
        metadata, _ = await self._known()
        came_back = dict(parse_qsl(query))
        if "code" not in came_back or came_back.get("state") != state:
            # The library would ask for a token of the client itself instead (RFC 6749 section 4.4).
            raise SignInFailed("The identity provider's answer has no code for this sign-in.", "Sign in again.")
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS), self._client(metadata) as client:
                token = await client.fetch_token(
                    metadata["token_endpoint"],
                    grant_type="authorization_code",
                    code=came_back["code"],
                    code_verifier=kept["verifier"],
                )
        except OAuthError as error:
            ours = error.error in _ABOUT_THE_CLIENT
            raise SignInFailed(
                f"The identity provider refused the sign-in ({_shown(error.error)}).",
                "Ask an administrator to check the client's ID, secret and address for sign-ins."
                if ours
                else "Sign in again.",
                ours=ours,
            ) from error
        except _UNUSABLE_ANSWER as error:
            raise _unreachable(type(error).__name__) from error
        written = token.get("id_token")
        if not isinstance(written, str):
            raise SignInFailed("The identity provider sent no ID token.", "Add openid to the client's scopes.")
        claims = dict(await self._claims(written, kept["nonce"]))
        wanted = {self.settings.roles_claim, self.settings.person_claim, "email_verified"}
        if not wanted <= claims.keys():
            claims = {**await self._asked(str(token.get("access_token", "")), str(claims["sub"])), **claims}
        return self._identity(claims)

    async def aclose(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})
        await self._http.aclose()

    async def logged_out(self, written: str) -> LoggedOut:
        """What a logout token says, once it was checked."""

        def read(token: jwt.Token, issuer: str) -> LoggedOut:
            return logged_out(
                token.header,
                token.claims,
                issuer=issuer,
                client_id=self.settings.client_id,
                leeway=CLOCK_LEEWAY_SECONDS,
            )

        return await self._verified(written, read)

    async def _claims(self, written: str, nonce: str) -> Mapping[str, Any]:
        def read(token: jwt.Token, issuer: str) -> Mapping[str, Any]:
            claims = CodeIDToken(
                token.claims,
                {},
                {
                    "iss": {"essential": True, "value": issuer},
                    "aud": {"essential": True, "value": self.settings.client_id},
                    "nonce": {"essential": True, "value": nonce},
                },
                {"nonce": nonce, "client_id": self.settings.client_id},
            )
            claims.validate(leeway=CLOCK_LEEWAY_SECONDS)
            return dict(claims)

        return await self._verified(written, read)

    async def _verified(self, written: str, read: Callable[[jwt.Token, str], T]) -> T:
        """What `read` makes of a token that the provider has signed, and of the issuer's name."""
        failed: Exception | None = None
        for refresh in (False, True):
            metadata, keys = await self._known(refresh=refresh)
            try:
                return read(jwt.decode(written, keys, algorithms=ALGORITHMS), metadata["issuer"])
            except (JoseError, OAuthError, *_UNUSABLE_ANSWER) as error:
                # The provider may have changed its keys since they were read: once, they are read again.
                failed = error
            except Exception as error:  # Authlib's claims raise errors of a library that is deprecated
                if type(error).__module__.partition(".")[0] not in ("authlib", "joserfc"):
                    raise
                failed = error
        raise SignInFailed(
            f"The identity provider's token is not valid ({type(failed).__name__}).",
            "Sign in again. If it fails again, ask an administrator to check the issuer, the client and the clocks.",
            ours=True,
        ) from failed

    async def _asked(self, access_token: str, subject: str) -> Mapping[str, Any]:
        """What the provider tells of them beyond the ID token (OpenID Connect Core 1.0, section 5.3)."""
        metadata, _ = await self._known()
        endpoint = metadata.get("userinfo_endpoint")
        if not endpoint or not access_token:
            return {}
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                answer = await self._http.get(endpoint, headers={"Authorization": f"Bearer {access_token}"})
            claims = document(answer)
        except (httpx.HTTPError, ValueError, TimeoutError) as error:
            raise _unreachable(type(error).__name__) from error
        return claims if claims.get("sub") == subject else {}

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        if not is_text(str(claims["sub"])):
            raise SignInFailed(
                "The identity provider's token is not valid (sub).",
                "Ask an administrator to correct the account's ID at the identity provider.",
                ours=True,
            )
        named = self._groups(claims)
        # Some providers send it as a text. An address that was not verified may be another person's.
        mail_verified = str(claims.get("email_verified", self.settings.mail_is_verified)).lower() == "true"
        verified = self.settings.person_claim != "email" or mail_verified
        return Identity(
            subject=f"{claims['iss']} {claims['sub']}",
            person=_text(claims.get(self.settings.person_claim)) if verified else None,
            roles=frozenset(role for group in named for role in self.settings.roles.get(group, ())),
            name=_text(claims.get("name")),
            email=_text(claims.get("email")) if mail_verified else None,
            zone=_text(claims.get("zoneinfo")),
            auth_time=_instant(claims.get("auth_time")),
            acr=_text(claims.get("acr")),
        )

    def _groups(self, claims: Mapping[str, Any]) -> list[str]:
        """A text or a list of texts; anything else names no group. Raises `SignInFailed` where the provider left the
        groups out because there are too many (Microsoft Entra ID's overage claim): without them no account's roles are
        known."""
        claim = self.settings.roles_claim
        elsewhere = claims.get("_claim_names")
        overage = (isinstance(elsewhere, dict) and claim in elsewhere) or claims.get("hasgroups") in (True, "true")
        if claim not in claims and overage:
            raise SignInFailed(
                "You are in more groups than the identity provider writes into a token, so your roles are not known.",
                "Ask an administrator to include only the groups that are assigned to this application in the token.",
                ours=True,
            )
        groups = claims.get(claim)
        listed = groups if isinstance(groups, list) else [groups]
        return [group for group in listed if isinstance(group, str)]

    async def _known(self, *, refresh: bool = False) -> tuple[dict[str, Any], KeySet]:
        """One request to the provider is the answer for all sign-ins that wait for it, and so is its failure."""
        now = time.monotonic()
        old = refresh and now - self._read_at > REFRESH_SECONDS
        if self._keys is None or old or now - self._read_at > METADATA_TTL_SECONDS:
            if self._failed is not None and now - self._failed_at < FAILURE_TTL_SECONDS:
                raise self._failed.again()
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read_once())
            await asyncio.shield(self._reading)
            if self._failed is not None:
                raise self._failed.again()
        assert self._keys is not None
        return self._metadata, self._keys

    async def _read_once(self) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                self._metadata, self._keys = await self._read()
            self._read_at, self._failed = time.monotonic(), None
        except TimeoutError:
            self._failed, self._failed_at = _unreachable("TimeoutError"), time.monotonic()
        except SignInFailed as failed:
            self._failed, self._failed_at = failed, time.monotonic()

    async def _read(self) -> tuple[dict[str, Any], KeySet]:
        issuer = self.settings.issuer
        try:
            metadata = document(await self._http.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration"))
            require_usable(metadata, issuer)
            client_authentication(metadata, self.settings.client_secret)
            return metadata, usable_keys(document(await self._http.get(metadata["jwks_uri"])))
        except ProviderProblem as problem:
            raise SignInFailed(problem.cause, problem.remedy, ours=True) from problem
        except (httpx.HTTPError, ValueError) as error:
            raise _unreachable(type(error).__name__) from error

    def _client(self, metadata: Mapping[str, Any]) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            client_id=self.settings.client_id,
            client_secret=self.settings.client_secret,
            token_endpoint_auth_method=client_authentication(metadata, self.settings.client_secret),
            scope=" ".join(self.settings.scopes),
            redirect_uri=self._callback,
            code_challenge_method="S256",
            timeout=TIMEOUT_SECONDS,
            verify=self._trusted,
            **CLIENT,
        )


def _instant(value: object) -> datetime | None:
    """Seconds since 1970 as a claim has them; None for what is no time, or in the future."""
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not 0 <= value <= time.time() + CLOCK_LEEWAY_SECONDS
    ):
        return None
    return datetime.fromtimestamp(value, UTC)


def _shown(code: object) -> str:
    """An error code as RFC 6749 section 5.2 has it: nothing else that a provider sends is shown."""
    return code if isinstance(code, str) and re.fullmatch(r"[A-Za-z0-9_.-]{1,60}", code) else "no error code"


def _text(value: object) -> str | None:
    return value if is_text(value) and value.strip() else None


def _unreachable(cause: str) -> SignInFailed:
    return SignInFailed(
        f"The identity provider is not available ({cause}).",
        "Try again in a minute. If it fails again, ask an administrator to check its address and the network.",
        ours=True,
    )
