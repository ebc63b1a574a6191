"""hub.json's [auth.directory] and [auth.oidc] become traits of authenticators that can be made."""

from __future__ import annotations

import pytest
from traitlets.config import Config

from jupyterhub_gpu import NATIVE_TEMPLATES
from jupyterhub_gpu.auth_directory import DirectoryAuthenticator
from jupyterhub_gpu.auth_oidc import OidcAuthenticator
from jupyterhub_gpu.configured_methods import (
    configure_directory,
    configure_native,
    configure_oidc,
)
from jupyterhub_gpu.settings import Auth, BadSettings

DIRECTORY = {
    "servers": ["ldap.example.org", "ldap2.example.org"], "port": None, "tls": "starttls",
    "has_ca": True, "base": "dc=example,dc=org", "account": "cn=gpuhub,dc=example,dc=org",
    "user_base": None, "group_base": None, "user_filter": None, "name_attribute": None,
    "timeout_s": 5,
}  # fmt: skip
OIDC = {
    "issuer": "https://sso.example.org/dex", "client_id": "gpuhub", "scopes": ["openid", "groups"],
    "name_claim": "email", "groups_claim": "realm.roles", "has_ca": True,
}  # fmt: skip


def auth(method, **more):
    return Auth.parse(
        {
            "method": method,
            "allow_all": False,
            "allowed_users": [],
            "allowed_groups": ["gpu-users"],
            "admin_groups": [],
            "sign_up": False,
            "attempts": {"per_name": 10, "per_address": 100, "window_s": 900},
            "directory": None,
            "oidc": None,
        }
        | more
    )


@pytest.fixture
def secrets(tmp_path):
    (tmp_path / "directory_password").write_text("pass word\n")
    (tmp_path / "oidc_client_secret").write_text("secret\n")
    return tmp_path


def directory(method, secrets, **changes):
    c = Config()
    told = auth(method, directory=DIRECTORY | changes)
    configure_directory(c, told, secrets, secrets)
    return DirectoryAuthenticator(config=c)


def test_a_directory_with_what_must_be_said(secrets):
    door = directory("ldap", secrets)
    where, layout = door.directory.where, door.layout
    assert where.servers == ("ldap.example.org", "ldap2.example.org")
    assert (where.port, where.ldaps, where.timeout_s) == (389, False, 5)
    assert (where.account, where.password) == ("cn=gpuhub,dc=example,dc=org", "pass word")
    assert where.tls == {"ca_certs_file": f"{secrets}/directory-ca.pem"}
    assert (layout.user_base, layout.group_base, layout.name) == (
        "dc=example,dc=org", "dc=example,dc=org", "uid",
    )  # fmt: skip


def test_a_directory_with_all_that_may_be_said(secrets):
    door = directory(
        "ad", secrets, port=3269, tls="ldaps", has_ca=False, user_base="ou=p,dc=x",
        group_base="ou=g,dc=x", user_filter="(x=y)", name_attribute="mail", account="a@b",
    )  # fmt: skip
    where, layout = door.directory.where, door.layout
    assert (where.port, where.ldaps, where.tls, where.account) == (3269, True, {}, "a@b")
    assert (layout.kind, layout.user_base, layout.group_base) == ("ad", "ou=p,dc=x", "ou=g,dc=x")
    assert (layout.user_filter, layout.name, layout.nested_by_rule) == ("(x=y)", "mail", True)
    assert directory("ldap", secrets, tls="ldaps").directory.where.port == 636


def test_a_bare_account_of_freeipa_and_an_anonymous_question(secrets):
    door = directory("freeipa", secrets, account="gpuhub")
    assert door.directory.where.account.startswith("uid=gpuhub,cn=sysaccounts,cn=etc,")
    assert door.layout.user_base == "cn=users,cn=accounts,dc=example,dc=org"
    (secrets / "directory_password").unlink()
    assert directory("ldap", secrets, account=None).directory.where.account is None
    with pytest.raises(BadSettings):
        directory("ldap", secrets)


def test_a_provider(secrets, tmp_path):
    c = Config()
    told = auth("oidc", oidc=OIDC)
    configure_oidc(c, told, "https://hub.example.org/", secrets, tmp_path)
    door = OidcAuthenticator(config=c)
    assert door.oauth_callback_url == "https://hub.example.org/hub/oauth_callback"
    assert (door.issuer, door.client_id, door.client_secret) == (
        "https://sso.example.org/dex", "gpuhub", "secret",
    )  # fmt: skip
    assert (door.scope, door.username_claim) == (["openid", "groups"], "email")
    assert (door.groups_claim, door.ca_file) == ("realm.roles", f"{tmp_path}/oidc-ca.pem")


def test_accounts_of_the_hubs_own():
    c = Config()
    c.JupyterHub.template_paths = ["mine"]
    configure_native(c, auth("native", sign_up=True), [str(NATIVE_TEMPLATES)])
    assert c.JupyterHub.template_paths == [str(NATIVE_TEMPLATES), "mine"]
    assert c.OwnAccounts.sign_up is True
