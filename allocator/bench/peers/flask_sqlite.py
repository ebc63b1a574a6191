"""The same allocator with its books in SQLite: each request is one transaction, on disk when it is
answered (WAL, synchronous=FULL). A connection per thread; one lock for all, because gunicorn has
one worker here and SQLite's own waiting for a lock sleeps (it was slower, with a worse p99)."""

import os
import sqlite3
import threading
import uuid

from flask import Flask, jsonify, request

SLOTS = 64
FILE = os.environ["PEER_STORE"]
mine = threading.local()
lock = threading.Lock()
app = Flask(__name__)


def connect() -> sqlite3.Connection:
    if not hasattr(mine, "books"):
        mine.books = sqlite3.connect(FILE, timeout=30, isolation_level=None)
        mine.books.execute("PRAGMA journal_mode=WAL")
        mine.books.execute("PRAGMA synchronous=FULL")
    return mine.books


def make_tables() -> None:
    books = connect()
    books.execute("CREATE TABLE gpus (uuid TEXT PRIMARY KEY, used INTEGER NOT NULL)")
    books.execute("CREATE TABLE leases (id TEXT PRIMARY KEY, user TEXT, gpu TEXT NOT NULL)")
    books.executemany("INSERT INTO gpus VALUES (?, 0)", [(f"GPU-{n}",) for n in range(8)])


@app.post("/v1/leases")
def ask():
    user = request.get_json()["owner"]["user"]
    books = connect()
    with lock, books:  # commits, or rolls back on an exception
        books.execute("BEGIN IMMEDIATE")
        gpu, used = books.execute("SELECT uuid, used FROM gpus ORDER BY used LIMIT 1").fetchone()
        if used >= SLOTS:
            return jsonify(error="no GPU is free"), 409
        ident = str(uuid.uuid4())
        books.execute("UPDATE gpus SET used = used + 1 WHERE uuid = ?", (gpu,))
        books.execute("INSERT INTO leases VALUES (?, ?, ?)", (ident, user, gpu))
    return jsonify(id=ident, user=user, gpus=[gpu]), 201


@app.delete("/v1/leases/<ident>")
def release(ident: str):
    books = connect()
    with lock, books:
        books.execute("BEGIN IMMEDIATE")
        row = books.execute(
            "DELETE FROM leases WHERE id = ? RETURNING user, gpu", (ident,)
        ).fetchone()
        if row is None:
            return jsonify(error="no such lease"), 404
        books.execute("UPDATE gpus SET used = used - 1 WHERE uuid = ?", (row[1],))
    return jsonify(id=ident, user=row[0], gpus=[row[1]])


if not os.path.exists(FILE):
    make_tables()
