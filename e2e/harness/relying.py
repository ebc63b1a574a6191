"""Servers that rely on the directory of ipa.example.org: an OIDC provider, an enrolled host."""

import html
import json
import re

import httpx

from .authority import Authority
from .container import Container
from .directory import FREEIPA, Server, tls_files
from .engine import image
from .hub import Refused, words_of
from .layouts import BASE
from .lone_hub import PLACE, name_in
from .people import SERVICE_PASSWORD

ISSUER = "https://sso.example.org/dex"
ACCOUNT = f"uid=gpuhub,cn=sysaccounts,cn=etc,{BASE}"
OIDC_SECRET = "of-the-client-5"
PIPES = "/var/lib/sss/pipes"


def dex_settings() -> str:
    """People and groups by LDAP. memberOf tells of nested groups too, so it is what is matched."""
    people = {"baseDN": f"cn=users,cn=accounts,{BASE}", "username": "uid", "idAttr": "uid",
              "emailAttr": "mail", "nameAttr": "cn", "preferredUsernameAttr": "uid"}  # fmt: skip
    matcher = {"userAttr": "memberOf", "groupAttr": "entrydn"}
    groups = {"baseDN": f"cn=groups,cn=accounts,{BASE}", "nameAttr": "cn",
              "userMatchers": [matcher]}  # fmt: skip
    ldap = {"host": f"{FREEIPA.alias}:636", "rootCA": "/etc/directory/tls/ca.crt",
            "bindDN": ACCOUNT, "bindPW": SERVICE_PASSWORD, "usernamePrompt": "Username",
            "userSearch": people, "groupSearch": groups}  # fmt: skip
    client = {"id": "gpuhub", "name": "gpuhub", "secret": OIDC_SECRET,
              "redirectURIs": [f"{PLACE}/hub/oauth_callback"]}  # fmt: skip
    return json.dumps({  # as good as YAML
        "issuer": ISSUER,
        "storage": {"type": "memory"},
        "web": {"https": "0.0.0.0:443", "tlsCert": "/etc/directory/tls/tls.crt",
                "tlsKey": "/etc/directory/tls/tls.key"},
        "oauth2": {"skipApprovalScreen": True},
        "connectors": [{"type": "ldap", "id": "ldap", "name": "LDAP", "config": ldap}],
        "staticClients": [client],
    })  # fmt: skip


SSSD_SETTINGS = f"""
[sssd]
services = nss, pam
domains = example.org
[nss]
memcache_timeout = 0
[pam]
pam_id_timeout = 1
[domain/example.org]
id_provider = ldap
auth_provider = ldap
access_provider = ldap
ldap_access_order = expire
ldap_account_expire_policy = ipa
ldap_pwd_policy = none
ldap_uri = ldaps://{FREEIPA.alias}
ldap_schema = rfc2307bis
ldap_search_base = {BASE}
ldap_user_search_base = cn=users,cn=accounts,{BASE}
ldap_group_search_base = cn=groups,cn=accounts,{BASE}
ldap_default_bind_dn = {ACCOUNT}
ldap_default_authtok = {SERVICE_PASSWORD}
ldap_tls_reqcert = demand
ldap_tls_cacert = /etc/directory/tls/ca.crt
cache_credentials = false
entry_cache_timeout = 1
ldap_network_timeout = 3
ldap_opt_timeout = 3
ldap_search_timeout = 3
offline_timeout = 1
offline_timeout_max = 1
offline_timeout_random_offset = 0
"""


def dex(ca: Authority) -> Server:
    alias = "sso.example.org"
    files = {"/etc/directory/dex.yaml": dex_settings()}
    ready = ("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/443")
    return Server("dex", alias, files | tls_files(ca.sign(alias), ca), ready)


def enrolled_host(ca: Authority) -> Server:
    """Its pipes are in a volume, so that the log-in helper can mount them."""
    alias = "login.example.org"
    files = {"/etc/directory/sssd.conf": SSSD_SETTINGS}
    ready = ("getent", "-s", "sss", "passwd", "alice")
    pipes = ("-v", PIPES)
    return Server("sssd", alias, files | tls_files(ca.sign(alias), ca), ready, *pipes)


def login_helper(host: Server) -> Container:
    """The product's log-in helper on that host. Its socket is in a volume, for the hub."""
    closed = ["--network", "none", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    mounts = ["--volumes-from", host.container.id, "-v", "/run/gpuhub/login"]
    command = ("gpuhub-login", "--source=sss")
    helper = Container("login", image("login"), *command, options=[*closed, *mounts], init=False)
    helper.start()
    return helper


def to_provider(browser: httpx.Client, name: str, password: str) -> httpx.URL:
    """From the hub's page to the provider's, and through its form: where that sends the browser.

    Raises Refused with what the page says, the provider's or the hub's.
    """
    page = browser.get(f"{PLACE}/hub/login?next=%2Fhub%2Fhome", follow_redirects=True)
    if str(page.url).startswith(PLACE) and page.status_code == 200:
        link = re.search(r'href=[\'"]([^\'"]*oauth_login[^\'"]*)', page.text)
        assert link, f"no way to the provider: {words_of(page.text)[:500]}"
        page = browser.get(page.url.join(html.unescape(link[1])), follow_redirects=True)
    form = re.search(r'<form[^>]* action="([^"]*)"', page.text)
    if page.status_code != 200 or not form:
        raise Refused(f"{page.status_code}: {words_of(page.text)}")
    where = page.url.join(html.unescape(form[1]))
    answer = browser.post(where, data={"login": name, "password": password})
    while answer.next_request and not str(answer.next_request.url).startswith(PLACE):
        answer = browser.send(answer.next_request)
    if not answer.next_request:
        raise Refused(f"{answer.status_code}: {words_of(answer.text)}")
    return answer.next_request.url


def back_to_hub(browser: httpx.Client, url: httpx.URL) -> str:
    """The name that the hub knows the person by. Raises Refused with what the page says."""
    answer = browser.get(url, follow_redirects=True)
    if answer.status_code != 200:
        raise Refused(f"{answer.status_code}: {words_of(answer.text)}")
    return name_in(browser)
