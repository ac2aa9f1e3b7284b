# SPDX-License-Identifier: Apache-2.0
"""A plain MCP client over Streamable HTTP, on the standard library: shows statuses, headers and every message as sent.

Our own judge of wire behaviour; that other people's clients agree is tests/strangers' business.
"""
import http.client
import json
import urllib.parse

MODERN = "2026-07-28"
META = {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"}}


class Reply:
    """One HTTP response: status, headers, and the JSON-RPC messages of its body, JSON or event stream."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.text = response.read().decode()
        if hasattr(response, "connection"):
            response.connection.close()
        kind = self.headers.get("content-type", "")
        if kind.startswith("text/event-stream"):
            self.messages = [json.loads(line[6:]) for line in self.text.splitlines() if line.startswith("data: ") and len(line) > 6]
        elif kind.startswith("application/json") and self.text:
            parsed = json.loads(self.text)
            self.messages = parsed if isinstance(parsed, list) else [parsed]
        else:
            self.messages = []

    @property
    def last(self):
        return self.messages[-1] if self.messages else {}

    @property
    def result(self):
        return self.last.get("result")

    @property
    def error(self):
        return self.last.get("error")

    def __repr__(self):
        return f"HTTP {self.status}: {self.text[:600]}"


class Client:
    """A connection-per-request client; `session` and `headers` are laid on every request."""

    def __init__(self, url, headers=None, timeout=30):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port, self.path = parts.hostname, parts.port, parts.path
        self.base = dict(headers or {})
        self.session, self.version, self.timeout, self.next_id = None, None, timeout, 1

    def http(self, method, path=None, body=None, headers=None):
        """A raw request; the response is not read yet."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        try:
            connection.request(method, path or self.path, body, headers or {})
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all of it was sent: the answer is there
        response = connection.getresponse()
        response.connection = connection  # or it would be collected
        return response

    def fields(self, extra=None):
        fields = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **self.base}
        if self.session:
            fields["Mcp-Session-Id"] = self.session
        if self.version:
            fields["MCP-Protocol-Version"] = self.version
        fields.update(extra or {})
        return {name: value for name, value in fields.items() if value is not None}

    def post(self, message, headers=None):
        return Reply(self.http("POST", body=json.dumps(message).encode(), headers=self.fields(headers)))

    def request(self, method, params=None, headers=None):
        """A legacy request in the session."""
        message = {"jsonrpc": "2.0", "id": self.next_id, "method": method}
        self.next_id += 1
        if params is not None:
            message["params"] = params
        return self.post(message, headers)

    def notify(self, method, params=None):
        return self.post({"jsonrpc": "2.0", "method": method, **({"params": params} if params else {})})

    def initialize(self, version="2025-11-25", capabilities=None):
        reply = self.request("initialize", {"protocolVersion": version, "capabilities": capabilities or {},
                                            "clientInfo": {"name": "test", "version": "1"}})
        if reply.status == 200 and reply.result:
            self.session = reply.headers.get("mcp-session-id")
            self.version = reply.result["protocolVersion"]
            self.notify("notifications/initialized")
        return reply

    def call(self, tool, arguments=None, **params):
        return self.request("tools/call", {"name": tool, "arguments": arguments or {}, **params})

    def close(self):
        return Reply(self.http("DELETE", headers=self.fields()))

    def modern(self, method, params=None, headers=None, meta=None):
        """A modern request, with the header fields that mirror it."""
        params = {**(params or {}), "_meta": {**META, **(meta or {})}}
        message = {"jsonrpc": "2.0", "id": self.next_id, "method": method, "params": params}
        self.next_id += 1
        name = params.get("name") if method in ("tools/call", "prompts/get") else params.get("uri") if method == "resources/read" else None
        mirror = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method, **({"Mcp-Name": name} if name else {})}
        return self.post(message, {**mirror, **(headers or {})})
