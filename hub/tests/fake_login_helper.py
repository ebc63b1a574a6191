"""A small stand-in for the log-in helper: people in memory, over a real unix socket.

`script` holds replies to give instead, in order: bytes as they are, or SILENT to say nothing.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

SILENT = object()


def account(name: str, uid: int, *groups: tuple[str, int], **more: Any) -> dict[str, Any]:
    own = {"name": name, "gid": uid}
    others = [{"name": group, "gid": gid} for group, gid in groups]
    told = {"name": name, "uid": uid, "gid": uid, "groups": [own, *others]}
    return {**told, "home": f"/home/{name}", "shell": "/bin/sh", **more}


class FakeLoginHelper:
    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.accounts: dict[str, dict[str, Any]] = {}
        self.passwords: dict[str, str] = {}
        self.states: dict[str, str] = {}  # of the account, once the password is right
        self.script: list[Any] = []
        self.seen: list[dict[str, str]] = []
        self.hold = asyncio.Event()  # checks wait for it
        self.hold.set()
        self.held = asyncio.Semaphore(0)  # released by each check that waits
        self._server: asyncio.Server | None = None

    async def start(self) -> FakeLoginHelper:
        self._server = await asyncio.start_unix_server(self._serve, str(self.socket))
        return self

    async def stop(self) -> None:
        if self._server:
            self._server.close()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await reader.readline()
            assert len(line) <= 8 * 1024
            reply = self.script.pop(0) if self.script else self._answer(json.loads(line))
            if reply is SILENT:
                await reader.read()
            elif isinstance(reply, bytes):
                writer.write(reply)
            else:
                if "password" in json.loads(line):
                    self.held.release()
                    await self.hold.wait()
                writer.write(json.dumps(reply).encode() + b"\n")
        finally:
            writer.close()

    def _answer(self, request: dict[str, str]) -> dict[str, Any]:
        self.seen.append(request)
        typed = request["name"].strip()
        found = self.accounts.get(typed) or self.accounts.get(typed.lower())
        if found is None:
            return {"outcome": "not-allowed", "detail": "nobody"}
        name = found["name"]
        if request["op"] == "check" and self.passwords[name] != request["password"]:
            return {"outcome": "wrong", "detail": "wrong password"}
        if name in self.states:
            return {"outcome": self.states[name], "detail": "so it is"}
        return {"outcome": "ok", "detail": "", "account": found}
