"""doctor's look at an OpenID provider: its certificate, its description, the hub's secret."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from tornado.httpclient import HTTPClientError

from .doctor_lines import Line, good, note, wrong
from .oidc_provider import WELL_KNOWN, Kind, ProviderAway, parse

REMEDIES = {
    Kind.UNREACHABLE: "check issuer in [auth.oidc], name service and firewall",
    Kind.SILENT: "look at the provider's load and at firewalls between",
    Kind.UNTRUSTED: "ca_file in [auth.oidc] must have the CA that signed it",
    Kind.OTHER_NAME: "write issuer by a name of its certificate",
    Kind.EXPIRED: "renew the provider's certificate; look at the clock here, too",
    Kind.FAILS: f"issuer{WELL_KNOWN} must be its description: write issuer exactly as it does",
    Kind.ACCOUNT: "check client_id and client_secret_file in [auth.oidc], then ./gpuhub up",
}


async def check_provider(door: Any) -> list[Line]:
    url = door.issuer.rstrip("/") + WELL_KNOWN
    try:
        parse(await door.httpfetch(url), door.issuer)
        await door.discover()
        lines = [good("provider", f"{door.issuer} answers; certificate and description are good")]
        lines.append(await _secret(door))
    except ProviderAway as away:
        lines = [wrong("provider", f"{door.issuer} {away.kind}: {away}", REMEDIES[away.kind])]
    except HTTPClientError as error:
        lines = [wrong("provider", f"{url}: {error}", REMEDIES[Kind.FAILS])]
    if not door.oauth_callback_url:
        lines.append(note("public_url", "not set in [hub]: the provider may not take people back"))
    else:
        lines.append(note("callback", f"the provider must know {door.oauth_callback_url}"))
    return lines


async def _secret(door: Any) -> Line:
    """By a code that nobody has: a provider that knows the hub complains of the code."""
    form = {
        "grant_type": "authorization_code",
        "code": "gpuhub-doctor",
        "redirect_uri": door.oauth_callback_url or "https://localhost/hub/oauth_callback",
        "code_verifier": "v" * 43,
    }
    if not door.basic_auth:
        form |= {"client_id": door.client_id, "client_secret": door.client_secret}
    try:
        await door.httpfetch(
            door.token_url,
            method="POST",
            headers=door.build_token_info_request_headers(),
            body=urlencode(form),
        )
    except HTTPClientError as error:
        body = error.response.body.decode(errors="replace") if error.response else ""
        if error.code == 401 or "invalid_client" in body:
            return wrong("client", f"{door.client_id} is refused", REMEDIES[Kind.ACCOUNT])
        return good("client", f"{door.client_id} and its secret are taken")
    return note("client", f"{door.client_id}: the provider takes any code at {door.token_url}")
