"""Runs Python in a kernel of a person's server, over the websocket through the proxy."""

import json
import ssl
import uuid

from websockets.sync.client import ClientConnection, connect

from .hub import Person


def run_code(
    person: Person,
    code: str,
    server: str = "",
    seconds: float = 60,
    headers: dict[str, str] | None = None,
) -> str:
    """Start a kernel, run `code`, return what it printed. Raises AssertionError on its error.

    By the person's token, or as somebody else who sends `headers`.
    """
    sent = headers or person.headers
    place = f"/user/{person.name}/{server + '/' if server else ''}api/kernels"
    answer = person.call("POST", place, sent, json={"name": "python3"})
    assert answer.status_code == 201, f"no kernel: {answer.status_code} {answer.text[:500]}"
    kernel = answer.json()["id"]
    try:
        with open_channel(person, f"{place}/{kernel}/channels", sent, seconds) as channel:
            return execute(channel, code, seconds)
    finally:
        person.call("DELETE", f"{place}/{kernel}")


def open_channel(
    person: Person, path: str, headers: dict[str, str], seconds: float = 60
) -> ClientConnection:
    """A websocket to a person's server. To a kernel it stands once the kernel has started."""
    url = person.base.replace("http", "ws", 1) + path
    trust = person.door.trust
    tls = {"ssl": trust} if isinstance(trust, ssl.SSLContext) else {}
    return connect(url, additional_headers=headers, max_size=2**24, open_timeout=seconds, **tls)


def execute(channel: ClientConnection, code: str, seconds: float = 60, wait: bool = True) -> str:
    """What `code` prints; without `wait` nothing: it is left as soon as the kernel is busy."""
    message_id = uuid.uuid4().hex
    header = {"msg_id": message_id, "session": uuid.uuid4().hex, "username": "e2e"}
    header |= {"msg_type": "execute_request", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
    request = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
    channel.send(json.dumps(request | {"channel": "shell", "buffers": []}))
    printed = ""
    while True:
        answer = channel.recv(timeout=seconds)
        if isinstance(answer, bytes):
            continue
        message = json.loads(answer)
        if message["parent_header"].get("msg_id") != message_id:
            continue
        if message["msg_type"] == "stream":
            printed += message["content"]["text"]
        if message["msg_type"] == "error":
            raise AssertionError("in the kernel: " + "\n".join(message["content"]["traceback"]))
        state = message["content"].get("execution_state") if message["msg_type"] == "status" else ""
        if state == "idle" or (state == "busy" and not wait):
            return printed
