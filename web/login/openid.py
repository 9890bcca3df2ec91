"""A login by OpenID Connect: authorization code with PKCE (RFC 7636), the ID token checked by its signature."""

import secrets
import time
from dataclasses import dataclass
from typing import Any

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.oauth2.rfc6749.parameters import parse_authorization_code_response, prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from pipeline.core.errors import MensageriaError
from pipeline.core.settings.web import LoginSettings
from web.login.access import Person, Role

_SCOPE = "openid profile email"
_ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]
"""Signatures alone: with a key that both know, the provider's word would be anybody's who has the secret."""
_LEEWAY_S = 60


class ProviderUnavailable(MensageriaError):
    """The OpenID provider did not answer, or not as one."""

    retriable = True


class LoginRefused(MensageriaError):
    """The provider, or the check of what it said, does not let somebody in; the text says why."""


@dataclass(frozen=True)
class Attempt:
    """A login that has begun: what its answer must fit, and where it leads."""

    state: str
    nonce: str
    verifier: str
    next: str


class Provider:
    """The provider that `settings` name, asked over `http`; it sends people back to `redirect_uri`.

    Each call raises ProviderUnavailable.
    """

    def __init__(self, http: httpx.AsyncClient, settings: LoginSettings, redirect_uri: str) -> None:
        self._http = http
        self._settings = settings
        self._issuer = settings.issuer.rstrip("/")
        self._redirect_uri = redirect_uri

    async def begin(self, next_: str) -> tuple[str, Attempt]:
        """Where to send somebody to log in, and what to remember meanwhile."""
        attempt = Attempt(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), next_)
        address = prepare_grant_uri(
            (await self._metadata())["authorization_endpoint"],
            client_id=self._settings.client_id,
            response_type="code",
            redirect_uri=self._redirect_uri,
            scope=_SCOPE,
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),  # type: ignore[no-untyped-call]
            code_challenge_method="S256",
        )
        return address, attempt

    async def finish(self, address: str, attempt: Attempt) -> Person:
        """Who came back with `address`. Raises LoginRefused."""
        if refusal := httpx.URL(address).params.get("error"):
            raise LoginRefused(f"the provider says {refusal}")
        try:
            code = parse_authorization_code_response(address, attempt.state)["code"]
        except AuthlibBaseError as error:
            raise LoginRefused(f"the provider's answer does not fit what was asked: {error}") from error
        metadata = await self._metadata()
        token = await self._exchange(metadata["token_endpoint"], code, attempt.verifier)
        keys = KeySet.import_key_set(await self._json(metadata["jwks_uri"]))  # type: ignore[arg-type]
        return self.person(self.claims(token, keys, attempt.nonce))

    def claims(self, token: dict[str, Any], keys: KeySet, nonce: str) -> dict[str, Any]:
        """The claims of the ID token in `token`, checked (OpenID Connect Core 1.0, 3.1.3.7). Raises LoginRefused."""
        try:
            decoded = jwt.decode(str(token.get("id_token")), keys, algorithms=_ALGORITHMS)
            options = {
                "iss": {"essential": True, "value": self._settings.issuer},
                "aud": {"essential": True, "value": self._settings.client_id},
            }
            expected = {
                "nonce": nonce,
                "client_id": self._settings.client_id,
                "access_token": token.get("access_token"),
            }
            CodeIDToken(decoded.claims, decoded.header, options, expected).validate(leeway=_LEEWAY_S)
        except (JoseError, ValueError) as error:
            raise LoginRefused(f"the ID token does not hold: {error}") from error
        return decoded.claims

    def person(self, claims: dict[str, Any]) -> Person:
        """Who the claims are about, with the highest role that they name."""
        named = claims.get(self._settings.roles_claim, [])
        names = named.split() if isinstance(named, str) else named if isinstance(named, list) else []
        shown = next((claims[claim] for claim in ("name", "preferred_username", "email") if claims.get(claim)), "")
        ends_at = time.time() + self._settings.session_hours * 3600
        return Person(claims["sub"], str(shown or claims["sub"]), Role.highest(names), ends_at)

    async def _exchange(self, url: str, code: str, verifier: str) -> dict[str, Any]:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": verifier,
        }
        client = httpx.BasicAuth(self._settings.client_id, self._settings.client_secret)
        try:
            answer = await self._http.post(url, data=fields, auth=client)
        except httpx.TransportError as error:
            raise ProviderUnavailable(f"{url}: {error or type(error).__name__}") from error
        if answer.is_client_error:
            raise LoginRefused(f"the provider does not take the code: {answer.status_code}")
        return _object(answer)

    async def _metadata(self) -> dict[str, Any]:
        metadata = await self._json(f"{self._issuer}/.well-known/openid-configuration")
        if metadata.get("issuer") != self._settings.issuer:
            raise ProviderUnavailable(f"it calls itself {metadata.get('issuer')}, not as MENSAGERIA_LOGIN_ISSUER does")
        return metadata

    async def _json(self, url: str) -> dict[str, Any]:
        try:
            return _object(await self._http.get(url))
        except httpx.TransportError as error:
            raise ProviderUnavailable(f"{url}: {error or type(error).__name__}") from error


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json() if answer.is_success else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ProviderUnavailable(f"{answer.url.copy_with(query=None)} answers {answer.status_code}, not as a provider")
    return found
