"""What the container engine really runs, for a DockerSpawner that may not guess.

DockerSpawner reads a 500 of the engine as "gone" and would let the hub give up a live server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlparse

import requests
from docker.errors import APIError, DockerException
from dockerspawner import DockerSpawner

from .files_in import packed, unpacked

ENGINE_ERRORS = (DockerException, requests.exceptions.RequestException)
STOP_GRACE_S = 10
LOOK_EVERY_S = 0.2


class StillThere(Exception):
    """A container did not go within the time given."""


class EngineTruth(DockerSpawner):
    """Mixin over any DockerSpawner class: only a 404 means gone; anything else is an error."""

    async def get_object(self) -> dict[str, Any] | None:
        """Our container by name; None if the engine says that we have none. Raises otherwise."""
        found = await self.inspect(self.object_name)
        if found and self.is_foreign(found):
            found = None
        self.object_id = found[self.object_id_key] if found else ""
        return found

    def is_foreign(self, container: dict[str, Any]) -> bool:  # noqa: ARG002
        """Whether a container that has our name is not ours to touch."""
        return False

    async def inspect(self, ref: str) -> dict[str, Any] | None:
        """A container by name or id; None if there is none. Raises one of ENGINE_ERRORS."""
        try:
            return await self.docker("inspect_container", ref)
        except APIError as error:
            if _status(error) == 404:
                return None
            raise

    async def read_file(self, container: str, path: str) -> bytes:
        """A small file in a container. Raises ValueError, or one of ENGINE_ERRORS."""

        def read() -> bytes:
            return unpacked(self.client.get_archive(container, path)[0])

        return await asyncio.wrap_future(self.executor.submit(read))

    async def write_files(self, container: str, files: Mapping[str, bytes]) -> None:
        """Put files (absolute path -> content) into a container. Raises one of ENGINE_ERRORS."""
        await self.docker("put_archive", container, "/", packed(files))

    async def poll(self) -> Any:
        """As DockerSpawner, but an engine that does not answer changes nothing."""
        try:
            return await super().poll()
        except ENGINE_ERRORS as error:
            known = bool(self.object_id or self.server)
            self.log.warning("The engine could not be asked about %s: %s", self._log_name, error)
            return None if known else 0

    async def get_url(self) -> str:
        """Where the container is now: the hub may have died before it noted the address."""
        known = self.server.url
        try:
            ip, port = await self.get_ip_and_port()
        except ENGINE_ERRORS as error:
            self.log.warning("The address of %s could not be asked: %s", self._log_name, error)
            return known
        return urlparse(known)._replace(netloc=f"{ip}:{port}").geturl()

    async def remove_for_good(self, container: str, limit_s: float, *, grace: bool) -> None:
        """Stop (with grace if wanted) and remove a container; return when it is gone.

        Raises StillThere, or one of ENGINE_ERRORS.
        """
        if grace:
            await self._ignoring_gone("stop", container, timeout=STOP_GRACE_S)
        await self._ignoring_gone("remove_container", container, v=True, force=True)
        await self.wait_gone(container, limit_s)

    async def wait_gone(self, container: str, limit_s: float) -> None:
        """Return when the engine no longer knows the container. Raises StillThere."""
        now = asyncio.get_running_loop().time
        deadline = now() + limit_s
        while await self.inspect(container):
            if now() > deadline:
                raise StillThere(container)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _ignoring_gone(self, method: str, container: str, **kwargs: Any) -> None:
        try:
            await self.docker(method, container, **kwargs)
        except APIError as error:
            # 409: its removal is already going on
            if _status(error) not in (404, 409):
                raise


def labels_of(container: dict[str, Any]) -> dict[str, str]:
    """The labels of an inspected container."""
    return (container.get("Config") or {}).get("Labels") or {}


def is_running(container: dict[str, Any]) -> bool:
    """Running, paused or restarting; not created, exited or dead."""
    return bool((container.get("State") or {}).get("Running"))


def env_of(container: dict[str, Any]) -> dict[str, str]:
    """The environment that an inspected container was created with."""
    lines = (container.get("Config") or {}).get("Env") or []
    return dict(line.partition("=")[::2] for line in lines)


def explain(error: Exception) -> str:
    """The engine's own words for an error."""
    return str(getattr(error, "explanation", None) or error)


def _status(error: APIError) -> int | None:
    return error.response.status_code if error.response is not None else None
