"""Accounts as a log-in tells them: what is taken, what is refused, what it makes of /etc/passwd."""

import io
import tarfile

import pytest

from jupyterhub_gpu.account import Account, NoAccount, group_with, passwd_with
from jupyterhub_gpu.files_in import packed, unpacked

ANA = {
    "uid": 2001,
    "gid": 2001,
    "groups": [{"name": "ana", "gid": 2001}, {"name": "vision", "gid": 3000}],
    "home": "/home/ana",
    "shell": "/bin/zsh",
}


def account(**change):
    return Account.parse("ana", {**ANA, **change}, "/home")


def test_what_was_told_is_taken():
    assert account() == Account(
        "ana", 2001, 2001, (("ana", 2001), ("vision", 3000)), "/home/ana", "/bin/zsh"
    )
    bare = Account.parse("ana", {"uid": 5, "gid": 6}, "/srv/homes")
    assert (bare.home, bare.shell, bare.groups) == ("/srv/homes/ana", "/bin/bash", ())


@pytest.mark.parametrize("told", [None, [], "ana", {}])
def test_without_an_account_it_is_said(told):
    with pytest.raises(NoAccount, match=r"(no uid|uid of your account)"):
        Account.parse("ana", told, "/home")


@pytest.mark.parametrize("ident", [0, -1, 2**31, True, "2001", 1.5, None])
@pytest.mark.parametrize("which", ["uid", "gid"])
def test_numbers_that_cannot_be_used(which, ident):
    with pytest.raises(NoAccount, match=which):
        account(**{which: ident})


@pytest.mark.parametrize(
    "home",
    ["/", "/home", "/home/", "home/ana", "/home/../etc", "/etc", "/homeland/x", "/home/a:b",
     "/home/a\nb", "/home/{x}", "/home/x/../../etc"],
)  # fmt: skip
def test_homes_elsewhere_are_never_mounted(home):
    with pytest.raises(NoAccount, match="does not lie in /home"):
        account(home=home)


def test_homes_in_a_folder_below():
    assert account(home="/home/lab/./ana/").home == "/home/lab/ana"


def test_odd_groups_and_shells_are_left_out():
    odd = [{"gid": 0}, {"gid": "7"}, 7, {"name": "x:y", "gid": 8}, {"name": 9, "gid": 9}]
    assert account(groups=odd).groups == (("", 8), ("", 9))
    assert account(groups="vision").groups == ()
    assert account(shell="bash\nroot::0:0").shell == "/bin/bash"  # noqa: S604


def test_names_for_the_numbers():
    image = "root:x:0:0:root:/root:/bin/sh\nana:x:1000:1000::/:/bin/sh\n"
    assert passwd_with(image, account()).splitlines() == [
        "ana:x:2001:2001::/home/ana:/bin/zsh",
        "root:x:0:0:root:/root:/bin/sh",
    ]
    assert group_with("root:x:0:\nvision:x:5:\n", account()).splitlines() == [
        "ana:x:2001:",
        "vision:x:3000:ana",
        "root:x:0:",
    ]


def test_files_go_in_and_come_out_as_the_engine_has_them():
    files = {"/etc/passwd": b"x\n", "/etc/gpuhub/ca.pem": b"y" * 3000}
    with tarfile.open(fileobj=io.BytesIO(packed(files))) as tar:
        entries = {entry.name: (entry.mode, entry.uid, entry.isdir()) for entry in tar}
    assert entries == {
        "etc/gpuhub": (0o755, 0, True),
        "etc/passwd": (0o644, 0, False),
        "etc/gpuhub/ca.pem": (0o644, 0, False),
    }
    assert unpacked([packed({"/etc/passwd": b"x\n"})]) == b"x\n"
    for bad in ([], [b"not a tar" * 200], [packed({})]):
        with pytest.raises(ValueError, match=r"."):
            unpacked(bad)
