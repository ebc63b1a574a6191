"""[auth.directory], [auth.oidc] and accounts of the hub's own, said to their authenticators.

Secrets come as files in `secrets`, certificate authorities as files in `config`; see `up`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ldapauthenticator.ldapauthenticator import TlsStrategy

from .settings import Auth, read_text

TLS = {"starttls": TlsStrategy.before_bind, "ldaps": TlsStrategy.on_connect}


def configure_directory(c: Any, auth: Auth, secrets: Path, config: Path) -> None:
    """`ldap`, `freeipa` and `ad`. What is null in hub.json the preset knows."""
    told = auth.directory
    assert told is not None  # noqa: S101
    door = c.DirectoryAuthenticator
    door.preset = auth.method
    door.servers = told["servers"]
    door.base = told["base"]
    door.tls_strategy = TLS[told["tls"]]
    door.timeout_s = told["timeout_s"]
    if told["has_ca"]:
        door.tls_kwargs = {"ca_certs_file": str(config / "directory-ca.pem")}
    if told["account"]:
        door.lookup_dn_search_user = told["account"]
        door.lookup_dn_search_password = read_text(secrets, "directory_password")
    for key, trait in (
        ("port", "server_port"),
        ("user_base", "user_search_base"),
        ("group_base", "group_base"),
        ("user_filter", "user_filter"),
        ("name_attribute", "user_attribute"),
    ):
        if told[key]:
            door[trait] = told[key]


def configure_oidc(c: Any, auth: Auth, public_url: str, secrets: Path, config: Path) -> None:
    """`public_url` is where people come back to."""
    told = auth.oidc
    assert told is not None  # noqa: S101
    door = c.OidcAuthenticator
    door.issuer = told["issuer"]
    door.client_id = told["client_id"]
    door.client_secret = read_text(secrets, "oidc_client_secret")
    door.scope = told["scopes"]
    door.username_claim = told["name_claim"]
    door.groups_claim = told["groups_claim"]
    door.oauth_callback_url = f"{public_url.rstrip('/')}/hub/oauth_callback"
    if told["has_ca"]:
        door.ca_file = str(config / "oidc-ca.pem")


def configure_native(c: Any, auth: Auth, templates: list[str]) -> None:
    """`templates`: of its pages, before the hub's own."""
    c.OwnAccounts.sign_up = auth.sign_up
    c.JupyterHub.template_paths = [*templates, *c.JupyterHub.template_paths]
