"""A body read whole, or not at all: `StreamReader.read(n)` gives what has arrived so far."""

from __future__ import annotations

import aiohttp


class TooLarge(aiohttp.ClientError):
    """The body is longer than it may be."""


async def read_bounded(reply: aiohttp.ClientResponse, limit_bytes: int) -> bytes:
    """The whole body. Raises TooLarge, or what aiohttp raises."""
    body = bytearray()
    async for piece in reply.content.iter_any():
        body += piece
        if len(body) > limit_bytes:
            raise TooLarge(f"a body of more than {limit_bytes} bytes")
    return bytes(body)
