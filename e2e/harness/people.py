"""Who is in the directories of the tests: the same people and groups in each of them."""

from dataclasses import dataclass

from .product import PASSWORD

ALLOWED = "gpu-users"
ADMINS = "hub-admins"
TEAM = "team-a"  # a member of ALLOWED
POSIX = "posix-users"  # by memberUid, only where RFC 2307 is spoken
SERVICE_PASSWORD = "of-the-hub-3"


@dataclass(frozen=True)
class Entry:
    """A person. `state`: locked, disabled, expired (the account), stale (the password),
    must-change, or none of them."""

    name: str
    full_name: str = ""
    uid: int | None = None
    state: str = ""

    @property
    def spelled(self) -> str:
        """What the DN begins with."""
        return self.full_name or self.name

    @property
    def is_odd(self) -> bool:
        return bool(self.full_name)


ALICE = Entry("alice", uid=20001)
BOB = Entry("bob", uid=20002)
CAROL = Entry("carol", uid=20003)
MEL = Entry("mel", uid=20004)  # in POSIX alone
DORA = Entry("Dora", uid=20005)  # the directory writes her with a capital
NOBODY = Entry("nouid")  # has no number for a system
VISITOR = Entry("visitor", uid=20006)  # tests put him into groups, and out again
CLUMSY = Entry("clumsy", uid=20007)  # mistypes the password

STALE = Entry("stale", uid=20015, state="stale")

STATES = [
    Entry("locked", uid=20011, state="locked"),
    Entry("disabled", uid=20012, state="disabled"),
    Entry("expired", uid=20013, state="expired"),
    STALE,
    Entry("mustchange", uid=20014, state="must-change"),
]
ODD = [
    Entry("comma", "Comma, Carl", 20021),
    Entry("quotes", 'Quentin "Q" Quote', 20022),
    Entry("parens", "Paul (lab 3)", 20023),
    Entry("hash", "#1 Heidi # two", 20024),
    Entry("plus", "A + B", 20025),
    Entry("umlaut", "Jörg Größe", 20026),
    Entry("brace", "{x} {0} {username} }{", 20027),
    Entry("star", "All * stars", 20028),
    Entry("backslash", "back\\slash; a=b <c>", 20029),
]
# Names that no hub may take over from a directory as they are.
STRANGE = [Entry("../alice", uid=20031), Entry("*", uid=20032), Entry("{alice}", uid=20033)]

PEOPLE = [ALICE, BOB, CAROL, MEL, DORA, NOBODY, VISITOR, CLUMSY, *STATES, *ODD, *STRANGE]
GROUPS: dict[str, list[Entry | str]] = {
    TEAM: [BOB],
    ALLOWED: [ALICE, DORA, NOBODY, CLUMSY, *STATES, *ODD, *STRANGE, TEAM],
    ADMINS: [ALICE],
}
POSIX_MEMBERS = [ALICE, MEL]


def password_of(name: str) -> str:
    """All have the same, but only under their own name."""
    return f"{PASSWORD}-{name.lower()}"
