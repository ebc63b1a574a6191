"""Accounts of the hub's own: names, passwords, who is authorised; in NativeAuthenticator's table.

Used by the hub (auth_native) and, beside a running hub, by `passwd`.
"""

from __future__ import annotations

import re
from typing import Any

import bcrypt
from jupyterhub import orm
from nativeauthenticator.orm import UserInfo
from sqlalchemy import inspect

NAME = re.compile(r"[a-z0-9_][a-z0-9_.@-]{0,63}")
SHORTEST, LONGEST_BYTES = 8, 72  # bcrypt takes no more
WAITING_MAX = 100  # accounts that ask to be authorised; more cannot ask


class Refused(ValueError):
    """An account or a password that cannot be. The text is for the person."""


def check_name(name: str) -> None:
    """Raises Refused."""
    if not NAME.fullmatch(name):
        raise Refused(
            "A name has up to 64 of: small letters a to z, digits, and . _ - @ (not first)."
        )


def check_password(password: str, shortest: int = SHORTEST) -> None:
    """Raises Refused."""
    if len(password) < shortest or not password.strip():
        raise Refused(f"A password has {shortest} characters or more.")
    if len(password.encode()) > LONGEST_BYTES or "\0" in password:
        raise Refused(f"A password has {LONGEST_BYTES} bytes or less.")


def could_be(password: str) -> bool:
    """Whether anybody could have this password: bcrypt raises errors for others."""
    return (
        bool(password.strip()) and len(password.encode()) <= LONGEST_BYTES and "\0" not in password
    )


def hashed(password: str) -> bytes:
    """Takes a quarter of a second, on purpose."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt())


# compared with for names that nobody has, so that an answer takes as long
NOBODYS = b"$2b$12$QAuhtSmNJUJ6tpX.QM4ExeHpn6YKv.8EC6Uk51XOEW26SWUgoMi.y"


def is_right(password: str, stored: bytes | None) -> bool:
    """Takes a quarter of a second, whoever is asked about."""
    try:
        right = bcrypt.checkpw(password.encode(), stored or NOBODYS)
    except ValueError:  # a hash that is none
        return False
    return right and stored is not None


def find(db: Any, name: str) -> Any:
    """The account as it is in the database now, also if another process has changed it; or None."""
    return db.query(UserInfo).populate_existing().filter(UserInfo.username == name).first()


def ensure_table(db: Any) -> bool:
    """False, and nothing is made, in a database that no hub has begun: with this table alone in

    it JupyterHub would take it for one of a version too old to go on with.
    """
    if not inspect(db.get_bind()).has_table(orm.User.__tablename__):
        return False
    UserInfo.__table__.create(db.get_bind(), checkfirst=True)
    return True


def set_password(db: Any, name: str, password_hash: bytes) -> bool:
    """By an admin: the account is made if there is none, and authorised. True if it is new."""
    info = find(db, name)
    made = info is None
    if made:
        info = UserInfo(username=name, password=password_hash)
        db.add(info)
    info.password = password_hash
    info.is_authorized = True
    db.commit()
    return made


def may_ask(db: Any, name: str, taken: set[str]) -> None:
    """Whether somebody may ask for an account of this name. Raises Refused.

    Not for admins' names, nor for one whose server or home could be there already.
    """
    check_name(name)
    known = db.query(orm.User).filter(orm.User.name == name).first() is not None
    if name in taken or known or find(db, name) is not None:
        raise Refused("This name is taken. Please choose another one.")
    if db.query(UserInfo).filter(UserInfo.is_authorized.isnot(True)).count() >= WAITING_MAX:
        raise Refused("Too many people wait for an account. Please try again another day.")


def ask_for(db: Any, name: str, password_hash: bytes) -> None:
    """An account that an admin has to authorise."""
    db.add(UserInfo(username=name, password=password_hash, is_authorized=False))
    db.commit()
