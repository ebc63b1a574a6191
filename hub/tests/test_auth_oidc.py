"""Log-in by an OpenID provider, against a small one that speaks TLS."""

from __future__ import annotations

import logging
import time
from types import SimpleNamespace

import pytest
from certificates import Ca
from fake_provider import CLIENT, CODE, SECRET, FakeProvider
from oauthenticator.oauth2 import _serialize_state
from tornado import web
from traitlets.config import Config

from jupyterhub_gpu import auth_oidc
from jupyterhub_gpu.auth_oidc import OidcAuthenticator
from jupyterhub_gpu.entrance import Told
from jupyterhub_gpu.oidc_pages import CallbackHandler, LoginHandler


@pytest.fixture
def ca(tmp_path):
    return Ca(tmp_path)


@pytest.fixture
async def provider(ca):
    made = await FakeProvider().start(ca.context("localhost"))
    yield made
    await made.stop()


def method(provider, ca, **traits):
    told = {
        "issuer": provider.issuer,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "ca_file": ca.file,
        "oauth_callback_url": "https://hub.example.org/hub/oauth_callback",
        "allowed_groups": {"gpu-users"},
        "admin_groups": {"hub-admins"},
    }
    return OidcAuthenticator(
        config=Config(OidcAuthenticator=told | traits), log=logging.getLogger("hub")
    )


def back(provider, code=CODE):
    """Somebody whom the provider sent back to the hub."""
    state = _serialize_state({"state_id": "s", "code_verifier": provider.verifier})
    return SimpleNamespace(
        get_argument=lambda name, *_: {"code": code}.get(name), get_state_cookie=lambda: state
    )


async def enter(door, provider, **more):
    return await door.get_authenticated_user(back(provider, **more), None)


async def refused(door, provider, status, **more):
    with pytest.raises(web.HTTPError) as caught:
        await enter(door, provider, **more)
    assert caught.value.status_code == status, caught.value
    return caught.value.jupyterhub_message


async def test_the_providers_person_enters_with_groups_both_ways(provider, ca):
    door = method(provider, ca)
    told = await enter(door, provider)
    assert (told["name"], told["admin"], told["groups"]) == ("ana", False, ["gpu-users"])
    assert told["auth_state"]["account"] is None
    provider.claims["groups"] = ["gpu-users", "hub-admins"]
    assert (await enter(door, provider))["admin"] is True
    provider.claims["groups"] = ["others"]
    assert await enter(door, provider) is None


async def test_the_provider_is_asked_for_its_addresses_once(provider, ca):
    door = method(provider, ca)
    assert provider.requests == []
    for _ in range(3):
        await enter(door, provider)
    described = [path for path in provider.requests if "well-known" in path]
    assert len(described) == 1


async def test_people_are_sent_there_with_pkce(provider, ca, monkeypatch):
    door = method(provider, ca)
    sent = []
    monkeypatch.setattr(
        "oauthenticator.oauth2.OAuthLoginHandler.get",
        lambda self: sent.append((self._OAUTH_AUTHORIZE_URL, self.authenticator.enable_pkce)),
    )
    handler = LoginHandler.__new__(LoginHandler)
    monkeypatch.setattr(LoginHandler, "authenticator", door, raising=False)
    await handler.get()
    assert sent == [(f"{provider.issuer}/auth", True)]


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("ana", "ana"),
        ("ANA", "ana"),
        (" Ana ", "ana"),
        ("ana@example.org", "ana"),
        ("Ana@EXAMPLE.ORG", "ana"),
        ("ana@other.org", "ana@other.org"),
        ("a.b+c@other.org", "a.b+c@other.org"),
        ("../ana", None),
        ("a/b", None),
        ("änä", None),
        ("a b", None),
        ("{username}", None),
        ("a" * 65, None),
        ("@example.org", None),
        ("", None),
        (7, None),
        (["ana"], None),
        (None, None),
    ],
)
async def test_names(provider, ca, told, name):
    provider.claims["preferred_username"] = told
    door = method(provider, ca, domains=["example.org"])
    if name is None:
        assert await refused(door, provider, 403)
    else:
        assert (await enter(door, provider))["name"] == name


async def test_the_domain_stays_unless_the_admin_says_so(provider, ca):
    provider.claims["preferred_username"] = "Ana@example.org"
    assert (await enter(method(provider, ca), provider))["name"] == "ana@example.org"


async def test_an_address_that_nobody_verified_is_no_name(provider, ca):
    provider.claims |= {"email": "ana@example.org", "email_verified": False}
    door = method(provider, ca, username_claim="email")
    assert "not verified" in await refused(door, provider, 403)
    provider.claims["email_verified"] = True
    assert (await enter(door, provider))["name"] == "ana@example.org"


@pytest.mark.parametrize(
    ("groups", "kept"),
    [
        (["b", "gpu-users", "b"], ["b", "gpu-users"]),
        ("gpu-users", ["gpu-users"]),
        (["gpu-users", 7, None, "", "a\nb", "x" * 300], ["gpu-users"]),
    ],
)
async def test_groups_are_names(provider, ca, groups, kept):
    provider.claims["groups"] = groups
    assert (await enter(method(provider, ca), provider))["groups"] == kept


@pytest.mark.parametrize("groups", [{"gpu-users": 1}, 7, None, [["gpu-users"]]])
async def test_what_is_no_list_of_names_lets_nobody_in(provider, ca, groups):
    provider.claims["groups"] = groups
    assert await enter(method(provider, ca), provider) is None


async def test_groups_from_a_nested_claim_and_from_the_id_token_alone(provider, ca):
    provider.claims = {"sub": "1", "preferred_username": "ana"}
    provider.token_claims["realm"] = {"roles": ["gpu-users"]}
    door = method(provider, ca, groups_claim="realm.roles")
    assert (await enter(door, provider))["groups"] == ["gpu-users"]
    provider.token_claims["https://example.org/groups"] = ["gpu-users"]
    door = method(provider, ca, groups_claim="https://example.org/groups")
    assert (await enter(door, provider))["groups"] == ["gpu-users"]


async def test_userinfo_about_somebody_else_is_not_believed(provider, ca, caplog):
    provider.claims["sub"] = "2"
    assert await refused(method(provider, ca), provider, 503)
    assert "somebody else" in caplog.text


@pytest.mark.parametrize("claims", [{"aud": "other"}, {"iss": "https://evil.org"}, {"exp": 1}])
async def test_an_id_token_that_is_not_for_us_is_not_believed(provider, ca, claims, caplog):
    provider.token_claims |= claims
    assert await refused(method(provider, ca), provider, 503)
    assert "its id token" in caplog.text


async def test_a_used_code_and_a_wrong_secret(provider, ca, caplog):
    assert "log in again" in await refused(method(provider, ca), provider, 403, code="used")
    provider.verifier = "w" * 43
    other = back(provider)
    provider.verifier = "v" * 43
    with pytest.raises(Told):
        await method(provider, ca).get_authenticated_user(other, None)
    provider.secret = "another"
    assert "refuses this hub" in await refused(method(provider, ca), provider, 503)
    assert "client_id or its secret" in caplog.text


async def test_the_secret_goes_the_way_that_the_provider_wants(provider, ca):
    provider.description["token_endpoint_auth_methods_supported"] = ["client_secret_basic"]
    door = method(provider, ca)
    assert await enter(door, provider)
    assert door.basic_auth is True


# --- providers that cannot be asked ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"issuer": "https://other.org"}, "calls itself 'https://other.org'"),
        ({"token_endpoint": "http://localhost/token"}, "token_endpoint is"),
        ({"authorization_endpoint": None}, "authorization_endpoint is"),
        ({"userinfo_endpoint": 7}, "userinfo_endpoint is"),
    ],
)
async def test_a_description_that_is_not_believed(provider, ca, caplog, change, words):
    provider.description = change
    assert "does not work as it should" in await refused(method(provider, ca), provider, 503)
    assert words in caplog.text
    provider.description = {}
    assert await enter(method(provider, ca), provider)


@pytest.mark.parametrize("path", ["openid-configuration", "token", "userinfo"])
@pytest.mark.parametrize("fault", [500, 503, 302, "hang"])
async def test_a_provider_that_fails_or_hangs(provider, ca, path, fault):
    provider.faults[path] = fault
    door = method(provider, ca, timeout_s=0.3)
    began = time.monotonic()
    words = await refused(door, provider, 503)
    assert "the log-in service localhost" in words
    assert ("does not answer" if fault == "hang" else "does not work") in words
    assert time.monotonic() - began < 3
    provider.faults = {}
    assert await enter(door, provider)


async def test_all_requests_together_have_a_limit(provider, ca, monkeypatch):
    monkeypatch.setattr(auth_oidc, "ALL_REQUESTS_S", 0.3)
    provider.faults["userinfo"] = "hang"
    assert "does not answer" in await refused(method(provider, ca), provider, 503)


@pytest.mark.parametrize(
    ("host", "expired", "words"),
    [
        ("localhost", True, "its certificate has expired"),
        ("other.example.org", False, "its certificate is for another name"),
    ],
)
async def test_certificates_that_are_wrong(ca, host, expired, words):
    provider = await FakeProvider().start(ca.context(host, expired=expired))
    assert words in await refused(method(provider, ca), provider, 503)
    await provider.stop()


async def test_another_ca_and_no_way_to_switch_verification_off(provider, ca, tmp_path):
    other = Ca(tmp_path, "other")
    for traits in ({}, {"validate_server_cert": False}, {"tls_verify": False}):
        words = await refused(method(provider, other, **traits), provider, 503)
        assert "its certificate is not trusted by this hub" in words
    assert await refused(method(provider, ca, ca_file="/nope.pem"), provider, 503)


async def test_a_provider_that_is_down(provider, ca):
    await provider.stop()
    assert "cannot be reached" in await refused(method(provider, ca), provider, 503)


def test_only_https(ca):
    for issuer in ("", "http://sso.example.org", "https://", "sso.example.org"):
        with pytest.raises(ValueError, match="https address"):
            method(SimpleNamespace(issuer=issuer), ca)


# --- afterwards -----------------------------------------------------------------------------------


class User:
    """Somebody who is logged in."""

    def __init__(self, name, auth_state):
        self.name, self._auth_state = name, auth_state

    async def get_auth_state(self):
        return self._auth_state


async def logged_in(door, provider):
    told = await enter(door, provider)
    return User(told["name"], told["auth_state"])


async def test_refresh_brings_groups_and_admin_up_to_date(provider, ca):
    door = method(provider, ca)
    user = await logged_in(door, provider)
    provider.claims["groups"] = ["gpu-users", "hub-admins"]
    told = await door.refresh_user(user)
    assert (told["admin"], told["groups"]) == (True, ["gpu-users", "hub-admins"])
    provider.claims["groups"] = ["others"]
    assert await door.refresh_user(user) is False
    provider.claims |= {"groups": ["gpu-users"], "preferred_username": "anna"}
    assert await door.refresh_user(user) is False


@pytest.mark.parametrize("fault", [500, "hang"])
async def test_refresh_throws_nobody_out_while_the_provider_is_away(provider, ca, fault):
    door = method(provider, ca, timeout_s=0.3)
    user = await logged_in(door, provider)
    provider.faults["userinfo"] = fault
    assert await door.refresh_user(user) is True
    # the token has run out, and the address that gives a new one is away
    provider.faults = {"userinfo": 401, "token": fault}
    assert await door.refresh_user(user) is True
    provider.faults = {"userinfo": 401, "token": 400}
    assert await door.refresh_user(user) is False


def test_a_providers_error_is_not_shown_as_the_hubs_words(caplog):
    handler = CallbackHandler.__new__(CallbackHandler)
    handler.application = SimpleNamespace(settings={"log": logging.getLogger("hub")})
    arguments = {"error": "access_denied", "error_description": "Call 555 now"}
    handler.get_argument = lambda name, *_: arguments.get(name, "")
    with pytest.raises(Told) as caught:
        handler.check_error()
    assert "access_denied" in caught.value.jupyterhub_message
    assert "555" not in caught.value.jupyterhub_message
    assert "555" in caplog.text
