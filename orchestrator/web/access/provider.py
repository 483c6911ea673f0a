"""Signing in at an OpenID provider: authorisation code with PKCE (RFC 7636), and what its ID token says.

The token's signature, issuer, audience, nonce and times are checked (OpenID Connect Core 1.0, section 3.1.3.7);
algorithms are named here, so that no token chooses its own.
"""

from __future__ import annotations

import asyncio
import secrets
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import authlib.deprecate  # it has its own warnings shown always: after that they can be left out
import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from orchestrator.web.settings import OidcSettings

with warnings.catch_warnings():
    # Authlib would rather have another HTTP library than the one that this project is to use.
    warnings.simplefilter("ignore", authlib.deprecate.AuthlibDeprecationWarning)
    from authlib.integrations.base_client.errors import OAuthError
    from authlib.integrations.httpx_client import AsyncOAuth2Client
    from authlib.oidc.core import CodeIDToken

ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]
KNOWN_FOR = 3600.0
"""Seconds for which the provider's discovery document and keys are taken as read; an unknown key is looked for anew."""
WITHIN = 10.0
"""Seconds for one answer of the provider; both documents together take no longer."""
FAILURE_KNOWN_FOR = 10.0
"""Seconds for which a provider that could not be reached is not asked again: sign-ins are refused at once."""
LEEWAY = 60
"""Seconds by which two clocks may differ."""


class SignInFailed(Exception):
    """The provider refused, cannot be reached, or said something that does not hold. Place, cause and remedy."""

    def __init__(self, cause: str, remedy: str, *, ours: bool = False) -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy
        self.ours = ours
        """Whether an administrator must act, rather than whoever signs in."""

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
        self._http = httpx.AsyncClient(timeout=WITHIN, follow_redirects=False)
        self._metadata: dict[str, Any] = {}
        self._keys: KeySet | None = None
        self._read_at = 0.0
        self._reading: asyncio.Task[None] | None = None
        self._failed: SignInFailed | None = None
        self._failed_at = 0.0

    async def begin(self, *, step_up: bool) -> tuple[str, str, dict[str, str]]:
        """Where to send the browser, the state that it comes back with, and what to keep until then. `step_up` asks
        the provider to have them prove anew who they are."""
        metadata, _ = await self._known()
        kept = {"nonce": secrets.token_urlsafe(32), "verifier": secrets.token_urlsafe(48)}
        more: dict[str, str] = {}
        if step_up:
            more = {"max_age": "0", "prompt": "login"}
            if self.settings.step_up_acr:
                more["acr_values"] = " ".join(self.settings.step_up_acr)
        async with _client(self.settings, self._callback) as client:
            url, state = client.create_authorization_url(
                metadata["authorization_endpoint"], code_verifier=kept["verifier"], nonce=kept["nonce"], **more
            )
        return url, state, kept

    async def finish(self, query: str, state: str, kept: Mapping[str, str]) -> Identity:
        """`query` is the query string that the browser came back with."""
        metadata, _ = await self._known()
        try:
            async with _client(self.settings, self._callback) as client:
                token = await client.fetch_token(
                    metadata["token_endpoint"],
                    authorization_response=f"{self._callback}?{query}",
                    state=state,
                    code_verifier=kept["verifier"],
                )
        except OAuthError as error:
            raise SignInFailed(
                f"The identity provider refused the sign-in ({error.error}).", "Sign in again."
            ) from error
        except (httpx.HTTPError, ValueError) as error:
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

    async def _claims(self, written: str, nonce: str) -> Mapping[str, Any]:
        failed: Exception | None = None
        for refresh in (False, True):
            metadata, keys = await self._known(refresh=refresh)
            try:
                claims = CodeIDToken(
                    jwt.decode(written, keys, algorithms=ALGORITHMS).claims,
                    {},
                    {
                        "iss": {"essential": True, "value": metadata["issuer"]},
                        "aud": {"essential": True, "value": self.settings.client_id},
                        "nonce": {"essential": True, "value": nonce},
                    },
                    {"nonce": nonce, "client_id": self.settings.client_id},
                )
                claims.validate(leeway=LEEWAY)
            except (JoseError, ValueError, OAuthError, KeyError) as error:
                # The provider may have changed its keys since they were read: once, they are read anew.
                failed = error
                continue
            except Exception as error:  # Authlib's claims raise errors of a library that is deprecated
                if type(error).__module__.partition(".")[0] not in ("authlib", "joserfc"):
                    raise
                failed = error
                continue
            return dict(claims)
        raise SignInFailed(
            f"The identity provider's ID token is not valid ({type(failed).__name__}).",
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
            answer = await self._http.get(endpoint, headers={"Authorization": f"Bearer {access_token}"})
            claims = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise _unreachable(type(error).__name__) from error
        if not isinstance(claims, dict) or claims.get("sub") != subject:
            return {}
        return claims

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        groups = claims.get(self.settings.roles_claim) or ()
        named = [groups] if isinstance(groups, str) else [group for group in groups if isinstance(group, str)]
        # Some providers say it as a text. An address that nobody looked at may be anybody's, a colleague's in HR too.
        mail_verified = str(claims.get("email_verified", self.settings.mail_is_verified)).lower() == "true"
        verified = self.settings.person_claim != "email" or mail_verified
        auth_time = claims.get("auth_time")
        return Identity(
            subject=f"{claims['iss']} {claims['sub']}",
            person=_text(claims.get(self.settings.person_claim)) if verified else None,
            roles=frozenset(role for group in named for role in self.settings.roles.get(group, ())),
            name=_text(claims.get("name")),
            email=_text(claims.get("email")) if mail_verified else None,
            zone=_text(claims.get("zoneinfo")),
            auth_time=datetime.fromtimestamp(auth_time, UTC) if isinstance(auth_time, (int, float)) else None,
            acr=_text(claims.get("acr")),
        )

    async def _known(self, *, refresh: bool = False) -> tuple[dict[str, Any], KeySet]:
        """One request to the provider is the answer for all sign-ins that wait for it, and so is its failure."""
        now = time.monotonic()
        old = refresh and now - self._read_at > 5.0
        if self._keys is None or old or now - self._read_at > KNOWN_FOR:
            if self._failed is not None and now - self._failed_at < FAILURE_KNOWN_FOR:
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
            async with asyncio.timeout(WITHIN):
                self._metadata, self._keys = await self._read()
            self._read_at, self._failed = time.monotonic(), None
        except TimeoutError:
            self._failed, self._failed_at = _unreachable("TimeoutError"), time.monotonic()
        except SignInFailed as failed:
            self._failed, self._failed_at = failed, time.monotonic()

    async def _read(self) -> tuple[dict[str, Any], KeySet]:
        issuer = self.settings.issuer
        try:
            found = await self._http.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            metadata = found.raise_for_status().json()
            if metadata["issuer"].rstrip("/") != issuer.rstrip("/"):
                raise SignInFailed(
                    "The identity provider's issuer differs from the setting.",
                    "Set OFFBOARD_OIDC_ISSUER to the issuer in its discovery document.",
                    ours=True,
                )
            keys = (await self._http.get(metadata["jwks_uri"])).raise_for_status().json()
            return metadata, KeySet.import_key_set(keys)
        except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError, JoseError) as error:
            raise _unreachable(type(error).__name__) from error


def _client(settings: OidcSettings, callback: str) -> AsyncOAuth2Client:
    return AsyncOAuth2Client(
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        scope=" ".join(settings.scopes),
        redirect_uri=callback,
        code_challenge_method="S256",
        timeout=WITHIN,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _unreachable(cause: str) -> SignInFailed:
    return SignInFailed(
        f"The identity provider is not available ({cause}).",
        "Try again in a minute. If it fails again, ask an administrator to check its address and the network.",
        ours=True,
    )
