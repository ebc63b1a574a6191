"""python -m jupyterhub_gpu.status: serves until SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path

from ..settings import read_secret
from . import PORT, TOKEN
from .app import make_app, make_server

SECRETS = Path("/run/secrets-status")


async def main() -> None:
    tls = os.environ.get("GPUHUB_TLS", "none") != "none"
    server = make_server(make_app(read_secret(SECRETS, TOKEN).hex(), tls=tls))
    server.listen(PORT)
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    await ending.wait()
    server.stop()


if __name__ == "__main__":
    # The libraries' own notes tell of sessions; ours do not.
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("jupyterhub_gpu").setLevel(logging.INFO)
    asyncio.run(main())
