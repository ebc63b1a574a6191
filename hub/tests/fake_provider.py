"""An OpenID provider on localhost by TLS: description, token and userinfo. PKCE is checked."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time

import jwt
from aiohttp import web

CLIENT, SECRET, CODE = "hub", "a secret+with/signs", "the-code"


class FakeProvider:
    """`claims` go to userinfo, `token_claims` into the id token; `faults` by path."""

    def __init__(self):
        self.claims = {"sub": "1", "preferred_username": "ana", "groups": ["gpu-users"]}
        self.token_claims = {"sub": "1"}
        self.description = {}  # changes to it
        self.faults = {}  # path: a status, or "hang"
        self.verifier = "v" * 43
        self.expected_challenge = None  # in place of the verifier's
        self.requests = []
        self.secret = SECRET

    async def start(self, context):
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        port = self._runner.addresses[0][1]
        self.issuer = f"https://localhost:{port}/op"
        return self

    async def stop(self):
        await self._runner.cleanup()

    async def _answer(self, request):
        path = request.path
        self.requests.append(path)
        fault = self.faults.get(path.rsplit("/", 1)[-1])
        if path.startswith("/moved"):  # where a 302 leads, all is well
            path, fault = path.removeprefix("/moved"), None
        elif fault == 302:
            return web.Response(status=302, headers={"Location": f"/moved{path}"})
        if fault == "hang":
            await asyncio.sleep(60)
        if fault:
            return web.Response(status=fault, text="no")
        if path == "/op/.well-known/openid-configuration":
            return web.json_response(self._described())
        if path == "/op/token":
            return self._token(await request.post(), request.headers.get("Authorization"))
        if path == "/op/userinfo" and request.headers["Authorization"] == "Bearer access":
            return web.json_response(self.claims)
        return web.Response(status=401 if path == "/op/userinfo" else 404)

    def _described(self):
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        } | self.description

    def _token(self, form, authorization):
        basic = base64.b64encode(f"{CLIENT}:{self.secret}".encode()).decode()
        known = (form.get("client_id"), form.get("client_secret")) == (CLIENT, self.secret)
        if not known and authorization != f"Basic {basic}":
            return web.json_response({"error": "invalid_client"}, status=400)
        if form["grant_type"] == "refresh_token":
            good = form["refresh_token"] == "again"
        else:
            want = self.expected_challenge or challenge(self.verifier)
            good = form["code"] == CODE and challenge(form["code_verifier"]) == want
        if not good:
            return web.json_response({"error": "invalid_grant"}, status=400)
        claims = {"iss": self.issuer, "aud": CLIENT, "exp": time.time() + 60}
        token = jwt.encode(claims | self.token_claims, "k" * 32, algorithm="HS256")
        return web.json_response(
            {"access_token": "access", "token_type": "bearer", "id_token": token,
             "refresh_token": "again"}
        )  # fmt: skip


def challenge(verifier):
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
