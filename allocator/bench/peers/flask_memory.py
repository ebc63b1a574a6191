"""A GPU allocator as people write it: Flask, a dict and a lock. Forgets all when it ends."""

import os
import threading
import uuid

from flask import Flask, jsonify, request

SLOTS = 64
used = {f"GPU-{n}": 0 for n in range(8)}
leases: dict[str, dict] = {}
lock = threading.Lock()
app = Flask(__name__)


@app.post("/v1/leases")
def ask():
    body = request.get_json()
    with lock:
        gpu = min(used, key=used.get)
        if used[gpu] >= SLOTS:
            return jsonify(error="no GPU is free"), 409
        used[gpu] += 1
        lease = {"id": str(uuid.uuid4()), "user": body["owner"]["user"], "gpus": [gpu]}
        leases[lease["id"]] = lease
    return jsonify(lease), 201


@app.delete("/v1/leases/<ident>")
def release(ident: str):
    with lock:
        lease = leases.pop(ident, None)
        if lease is None:
            return jsonify(error="no such lease"), 404
        used[lease["gpus"][0]] -= 1
    return jsonify(lease)


if __name__ == "__main__":
    app.run(host=os.environ["PEER_ADDRESS"])  # the development server, as `flask run`
