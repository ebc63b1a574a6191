"""Small files put into a container between its creation and its start.

By the engine's archive calls: no folder of the host is needed for them, and the image stays as it
is.
"""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

FILE_MAX = 4 * 2**20


def packed(files: Mapping[str, bytes]) -> bytes:
    """A tar of `files` (absolute path -> content), to be unpacked at `/`: root's, mode 644."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in _folders(files):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o755, int(time.time())
            tar.addfile(entry)
        for path, content in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode, entry.mtime = len(content), 0o644, int(time.time())
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def _folders(files: Mapping[str, bytes]) -> list[str]:
    """Folders that an image may not have; those that every image has keep their mode."""
    found = {str(PurePosixPath(path).parent).lstrip("/") for path in files}
    return sorted(folder for folder in found if folder.count("/") >= 1)


def unpacked(chunks: Iterable[bytes]) -> bytes:
    """The one file in a tar as the engine gives it. ValueError: there is none, or it is too big."""
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > FILE_MAX:
            raise ValueError("larger than expected")
    try:
        with tarfile.open(fileobj=io.BytesIO(bytes(data))) as tar:
            for entry in tar:
                content = tar.extractfile(entry) if entry.isfile() else None
                if content is not None:
                    return content.read()
    except tarfile.TarError as error:
        raise ValueError(str(error)) from error
    raise ValueError("no file in it")
