"""doctor's look at an OpenID provider."""

import pytest
from certificates import Ca
from fake_provider import FakeProvider
from test_auth_oidc import method

from jupyterhub_gpu.oidc_check import check_provider


@pytest.fixture
def ca(tmp_path):
    return Ca(tmp_path)


@pytest.fixture
async def provider(ca):
    made = await FakeProvider().start(ca.context("localhost"))
    yield made
    await made.stop()


async def look(provider, ca, **traits):
    return "\n".join(str(line) for line in await check_provider(method(provider, ca, **traits)))


async def test_a_good_provider(provider, ca):
    said = await look(provider, ca)
    assert "WRONG" not in said
    assert "ok     client           hub and its secret are taken" in said
    assert "the provider must know https://hub.example.org/hub/oauth_callback" in said


@pytest.mark.parametrize("way", ["client_secret_post", "client_secret_basic"])
async def test_a_wrong_secret(provider, ca, way):
    provider.description["token_endpoint_auth_methods_supported"] = [way]
    assert "and its secret are taken" in await look(provider, ca)
    provider.secret = "another"
    assert "WRONG  client           hub is refused" in await look(provider, ca)


async def test_what_is_wrong_with_it(provider, ca, tmp_path):
    provider.description["issuer"] = "https://other.org"
    assert "write issuer exactly as it does" in await look(provider, ca)
    provider.description, provider.faults = {}, {"openid-configuration": 404}
    assert "HTTP 404" in await look(provider, ca)
    provider.faults = {}
    assert "not trusted by this hub" in await look(provider, Ca(tmp_path, "other"))
    assert "note   public_url" in await look(provider, ca, oauth_callback_url="")
    await provider.stop()
    assert "cannot be reached" in await look(provider, ca)
