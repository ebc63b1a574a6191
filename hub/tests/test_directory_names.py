"""Names: what people type, what the directory calls them, and DNs; tables of input and outcome."""

import pytest

from jupyterhub_gpu.directory_answers import Entry, escape
from jupyterhub_gpu.directory_names import lies_under, login_of, name_of, rdn_of
from jupyterhub_gpu.directory_presets import domain_of, layout, who

DOMAINS = ("ad.example.org", "ad")


@pytest.mark.parametrize(
    ("typed", "login"),
    [
        ("ana", "ana"),
        ("  ANA ", "ana"),
        ("ana@ad.example.org", "ana"),
        ("Ana@AD.Example.ORG", "ana"),
        ("AD\\ana", "ana"),
        ("ad.example.org\\ana", "ana"),
        ("OTHER\\ana", None),
        ("AD\\ana@ad.example.org", None),
        ("AD\\", None),
        ("@ad.example.org", None),
        ("ana@@ad.example.org", None),
        ("ana@other.org", "ana@other.org"),
        ("a.b-c_1", "a.b-c_1"),
        ("-ana", None),
        (".", None),
        ("..", None),
        ("../ana", None),
        ("a/b", None),
        ("a b", None),
        ("*", None),
        ("ana)(uid=*", None),
        ("{ana}", None),
        ("ana%00", None),
        ("ana\0", None),
        ("ana\n", None),
        ("\tana", None),
        ("änä", None),
        ("a\u200dna", None),  # invisible: servers look past it
        ("\uff41na", None),  # a wide letter: servers take it for a
        ("a" * 128, "a" * 128),
        ("a" * 129, None),
        ("", None),
        ("   ", None),
    ],
)
def test_what_people_type(typed, login):
    assert login_of(typed, DOMAINS) == login


@pytest.mark.parametrize(
    ("dn", "uids", "name"),
    [
        ("uid=ana,dc=x", ["ana"], "ana"),
        ("uid=Ana,dc=x", ["Ana"], "ana"),
        ("cn=Ana A,dc=x", ["ana", "ANA"], "ana"),
        ("uid=ana,dc=x", ["a.almeida", "ana"], "ana"),  # the one in the DN
        ("cn=A+uid=ana,dc=x", ["other", "ana"], "ana"),
        ("cn=Ana,dc=x", ["ana", "anna"], None),  # which?
        ("uid=ana,dc=x", [], None),
        ("uid=ana maria,dc=x", ["ana maria"], None),
        ("uid=änä,dc=x", ["änä"], None),
        ("uid=pc$,dc=x", ["pc$"], None),
        ("uid=x,dc=x", ["a" * 65], None),
        ("uid=x,dc=x", ["../ana"], None),
    ],
)
def test_what_the_directory_calls_them(dn, uids, name):
    entry = Entry(dn, {"uid": [uid.encode() for uid in uids]})
    assert name_of(entry, layout("ldap", "dc=x")) == name


@pytest.mark.parametrize(
    ("dn", "pairs"),
    [
        ("cn=a,dc=x", [("cn", "a")]),
        ("CN = a , dc=x", [("cn", "a")]),
        ("cn=a+uid=b,dc=x", [("cn", "a"), ("uid", "b")]),
        (r"cn=Smith\, J (x) \{y\},dc=x", [("cn", "Smith, J (x) {y}")]),
        (r"cn=\c3\a4\2c,dc=x", [("cn", "ä,")]),
        ("", []),
        ("nonsense", []),
    ],
)
def test_the_first_part_of_a_dn(dn, pairs):
    assert rdn_of(dn) == pairs


@pytest.mark.parametrize(
    ("dn", "base", "under"),
    [
        ("cn=a,ou=groups,dc=x", "ou=groups,dc=x", True),
        ("CN=a, OU=Groups , DC=x", "ou=groups,dc=x", True),
        ("ou=groups,dc=x", "ou=groups,dc=x", True),
        ("cn=a,ou=othergroups,dc=x", "groups,dc=x", False),
        ("cn=a,ou=people,dc=x", "ou=groups,dc=x", False),
    ],
)
def test_below_a_base(dn, base, under):
    assert lies_under(dn, base) is under


def test_filters_have_no_letter_that_means_something():
    assert escape("a*(b)\\ \0{ü}") == r"a\2a\28b\29\5c\20\00\7b\c3\bc\7d"
    assert escape(b"\x01\xff") == r"\01\ff"
    assert who("a*", (), "uid") == r"(uid=a\2a)"


@pytest.mark.parametrize(
    ("base", "domain"),
    [("dc=ad,dc=example,dc=org", "ad.example.org"), ("DC=X", "x"), ("ou=a, dc=b , dc=c", "b.c"),
     ("o=Lab", "")],
)  # fmt: skip
def test_the_domain_of_a_base(base, domain):
    assert domain_of(base) == domain


def test_presets():
    ipa = layout("freeipa", "dc=example,dc=org", "gpuhub")
    assert ipa.account == "uid=gpuhub,cn=sysaccounts,cn=etc,dc=example,dc=org"
    assert ipa.user_base == "cn=users,cn=accounts,dc=example,dc=org"
    assert layout("freeipa", "dc=x", "cn=a,dc=x").account == "cn=a,dc=x"
    ad = layout("ad", "dc=ad,dc=example,dc=org", "gpuhub@ad.example.org")
    assert ad.domains == DOMAINS
    assert ad.nested_by_rule
    assert "(userPrincipalName=a@b)" in who("a@b", ad.aliases, ad.name)
    assert layout("ldap", "dc=x").domains == ()
    with pytest.raises(KeyError):
        layout("nis", "dc=x")
