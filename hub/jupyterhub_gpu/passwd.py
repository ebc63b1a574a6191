"""`python -m jupyterhub_gpu.passwd NAME`: sets the password of an account of the hub's own.

The password comes on standard input, one line. The account is made if there is none, and
authorised. Beside a running hub: it reads the database at each log-in.
"""

from __future__ import annotations

import argparse
import sys
from typing import TextIO

from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import sessionmaker

from . import native_accounts as accounts

DATABASE = "sqlite:////srv/jupyterhub/jupyterhub.sqlite"


def main(arguments: list[str], stdin: TextIO = sys.stdin) -> int:
    """0: done; 1: refused, with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="passwd", description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--db", default=DATABASE, help="the hub's database (an address of it)")
    told = parser.parse_args(arguments)
    name, password = told.name.lower(), stdin.readline().rstrip("\r\n")
    try:
        accounts.check_name(name)
        accounts.check_password(password)
        made = _set(told.db, name, password)
    except (accounts.Refused, SQLAlchemyError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    print(f"{name}: account made" if made else f"{name}: password changed")
    return 0


def _set(address: str, name: str, password: str) -> bool:
    engine = create_engine(address)
    with sessionmaker(engine)() as db:
        if not accounts.ensure_table(db):
            raise accounts.Refused("the hub has never run; start it first: ./gpuhub up")
        return accounts.set_password(db, name, accounts.hashed(password))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
