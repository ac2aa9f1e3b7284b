#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`sluice login` and `sluice logout` against a small MCP server with its own authorization server, and a user who
opens the printed URL and agrees. Last line: `N passed, N failed`.
"""
import base64
import hashlib
import http.server
import json
import os
import pathlib
import re
import stat
import subprocess
import sys
import tempfile
import threading
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from toolbox import Tally, binary  # noqa: E402

SECONDS = 60


class Far(http.server.BaseHTTPRequestHandler):
    """The MCP server and the authorization server in one; what it saw is in its server's lists."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", fields=()):
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer_json(self, value, status=200):
        self.answer(status, json.dumps(value).encode(), [("Content-Type", "application/json")])

    def do_GET(self):
        here, seen = self.server.url, self.server.seen
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/.well-known/oauth-protected-resource/mcp":
            self.answer_json({"resource": f"{here}/mcp", "authorization_servers": [here], "scopes_supported": ["read"]})
        elif url.path == "/.well-known/oauth-authorization-server":
            self.answer_json({"issuer": here, "authorization_endpoint": f"{here}/authorize",
                              "token_endpoint": f"{here}/token", "registration_endpoint": f"{here}/register",
                              "code_challenge_methods_supported": ["S256"],
                              "authorization_response_iss_parameter_supported": True,
                              "token_endpoint_auth_methods_supported": ["none"]})
        elif url.path == "/authorize":
            seen["authorize"].append(query)
            back = urllib.parse.urlencode({"code": "c0de", "state": query["state"], "iss": here})
            self.answer(302, fields=[("Location", f"{query['redirect_uri']}?{back}")])
        else:
            self.answer(404)

    def do_POST(self):
        seen = self.server.seen
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/mcp":
            if self.server.open or self.headers.get("Authorization") == "Bearer t0ken":
                return self.answer_json({"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "no"}}, 404)
            return self.answer(401, fields=[("WWW-Authenticate", 'Bearer error="invalid_token"')])
        if self.path == "/register":
            seen["register"].append(json.loads(body))
            return self.answer_json({"client_id": "us"}, 201)
        form = dict(urllib.parse.parse_qsl(body.decode()))
        seen["token"].append(form)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if not seen["authorize"] or seen["authorize"][-1]["code_challenge"] != challenge:
            return self.answer_json({"error": "invalid_grant"}, 400)
        return self.answer_json({"access_token": "t0ken", "token_type": "Bearer", "refresh_token": "r3fresh"})


def sluice(store, *words, visit=True):
    """Runs a subcommand; opens the URL that it prints, as the user would. Returns (code, output, errors, page)."""
    child = subprocess.Popen([binary("sluice"), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env={**os.environ, "SLUICE_TOKENS": str(store)}, stdin=subprocess.DEVNULL)
    stop = threading.Timer(SECONDS, child.kill)
    stop.start()
    errors, page = "", ""
    for line in child.stderr:
        errors += line
        if visit and re.match(r"http://\S+/authorize\?", line):
            page = urllib.request.urlopen(line.strip(), timeout=SECONDS).read().decode()
    output = child.stdout.read()
    code = child.wait()
    stop.cancel()
    return code, output, errors, page


def call_by_lines(store, url):
    """`sluice stdio` for a server that wants a login; opens the URL that it prints. Returns its first answer."""
    child = subprocess.Popen([binary("sluice"), "stdio", "--no-browser", url], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, env={**os.environ, "SLUICE_TOKENS": str(store)})
    stop = threading.Timer(SECONDS, child.kill)
    stop.start()

    def visit():
        for line in child.stderr:
            if re.match(r"http://\S+/authorize\?", line):
                urllib.request.urlopen(line.strip(), timeout=SECONDS).read()
    threading.Thread(target=visit, daemon=True).start()
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}}
    child.stdin.write(json.dumps(hello) + "\n")
    child.stdin.flush()
    answer = child.stdout.readline()
    child.stdin.close()
    child.wait()
    stop.cancel()
    return answer


def cases(tally, far, folder):
    url, store = f"{far.url}/mcp", folder / "state" / "tokens.json"
    code, output, errors, page = sluice(store, "login", "--no-browser", url)
    tally.case("a user logs in", None if code == 0 and "logged in" in output else f"{code} {output}{errors}")
    tally.case("the browser hears that it may be closed", None if "may be closed" in page else page or "no page")
    asked = far.seen["authorize"][-1] if far.seen["authorize"] else {}
    tally.case("the consent is for this resource and its scope",
               None if asked.get("resource") == url and asked.get("scope") == "read" else asked)
    tally.case("no secret is printed", None if "t0ken" not in output + errors and "r3fresh" not in output + errors
               else output + errors)
    mode = stat.S_IMODE(store.stat().st_mode) if store.exists() else None
    tally.case("the token is kept for the owner alone", None if mode == 0o600 else f"mode {mode}")
    code, output, errors, _ = sluice(store, "login", "--no-browser", url)
    tally.case("a second run asks nobody", None if code == 0 and len(far.seen["authorize"]) == 1 else output + errors)
    answer = call_by_lines(store, url)
    tally.case("sluice stdio uses the login and asks nobody",
               None if '"no"' in answer and len(far.seen["authorize"]) == 1 else answer)
    answer = call_by_lines(folder / "other" / "tokens.json", url)
    tally.case("sluice stdio lets the user log in while its client waits",
               None if '"no"' in answer and len(far.seen["authorize"]) == 2 else answer)
    code, output, errors, _ = sluice(store, "logout", url)
    tally.case("the login is forgotten", None if code == 0 and "t0ken" not in store.read_text() else output + errors)
    store.chmod(0o644)
    code, output, errors, _ = sluice(store, "logout", url)
    tally.case("a store that others can read is refused", None if code == 1 and "chmod 600" in errors else errors)
    store.chmod(0o600)
    far.open = True
    code, output, errors, _ = sluice(store, "login", "--no-browser", url)
    tally.case("a server without a lock needs no key", None if "asks for no login" in output else output + errors)
    code, output, errors, _ = sluice(store, "login", "--no-browser", "https://mcp.example/mcp")
    tally.case("TLS is refused with a sentence", None if code == 1 and "TLS" in errors else errors)


def main():
    tally = Tally()
    far = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Far)
    far.url, far.open = f"http://127.0.0.1:{far.server_port}", False
    far.seen = {"authorize": [], "register": [], "token": []}
    threading.Thread(target=far.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        cases(tally, far, pathlib.Path(folder))
    far.shutdown()
    tally.end()


if __name__ == "__main__":
    main()
