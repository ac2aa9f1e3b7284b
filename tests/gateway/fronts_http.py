# SPDX-License-Identifier: Apache-2.0
"""The scripted upstream as a Streamable HTTP server: JSON where only a result is said, an event stream where more is."""
import http.server
import json
import os
import select
import socket
import sys
import threading
import uuid

from era import MODERN, REVISIONS
from fronts_stdio import answer


class PostStream:
    """The answer to one POST. What is sent before the result makes it an event stream."""

    def __init__(self, handler, session):
        self.handler, self.session, self.lock = handler, session, threading.Lock()
        self.streaming = self.finished = self.dropped = False

    def __call__(self, message, status=200):
        final = "method" not in message
        with self.lock:
            if self.dropped:
                self.session.kept.append(message)
                self.session.wake.set()
                return
            if final and not self.streaming and "always-streams" not in self.handler.upstream.options.odd:
                self.handler.reply(status, json.dumps(message).encode(), "application/json", self._session(message))
            else:
                self._begin(self._session(message))
                self.handler.event(message)
            if final and self.streaming:
                self.handler.end_events()
            self.finished = final

    def _session(self, message):
        """The header that gives a new session its id, of a server that has sessions."""
        new = self.session and "initialize" == self.handler.method and "no-sessions" not in self.handler.upstream.options.odd
        return {"Mcp-Session-Id": self.session.id} if new else {}

    def _begin(self, extra=None):
        if not self.streaming:
            self.streaming = True
            self.handler.begin_events(extra or {})

    def stray(self, message):
        """A message that is not this call's, on its stream."""
        with self.lock:
            self._begin()
            self.handler.event(message)

    def gone(self):
        """Whether the caller hung up: there is something to read, and it is the end."""
        connection = self.handler.connection
        try:
            return bool(select.select([connection], [], [], 0)[0]) and connection.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True

    def drop(self):
        """Breaks off after an event id, so that the result can be fetched with it."""
        with self.lock:
            self._begin()
            self.handler.event(None, f"{self.session.id}/resume")
            self.handler.end_events()
            self.dropped = True


class StandaloneStream:
    """What a session says outside of calls waits here until a GET takes it."""

    def __init__(self):
        self.waiting, self.changed, self.ends = [], threading.Condition(), 0

    def end(self):
        self.ends += 1

    def __call__(self, message, status=200):
        with self.changed:
            self.waiting.append(message)
            self.changed.notify_all()

    def take(self, seconds):
        with self.changed:
            self.changed.wait_for(lambda: self.waiting, seconds)
            taken, self.waiting = self.waiting, []
            return taken


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    upstream = sessions = method = None

    def log_message(self, *_):
        pass

    def reply(self, status, body=b"", kind="application/json", extra=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if body:
            self.send_header("Content-Type", kind + ("; charset=utf-8" if "charset" in self.upstream.options.odd else ""))
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def begin_events(self, extra=None):
        self.send_response(200)
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def event(self, message, number=None):
        text = (f"id: {number}\n" if number else "") + f"data: {json.dumps(message) if message else ''}\n\n"
        if "always-streams" in self.upstream.options.odd:  # as some do: a comment, a name, and the line ends of HTTP
            text = ": here it comes\r\nevent: message\r\n" + text.replace("\n", "\r\n")
        self.wfile.write(f"{len(text.encode()):x}\r\n".encode() + text.encode() + b"\r\n")

    def end_events(self):
        self.wfile.write(b"0\r\n\r\n")

    def breach(self, words):
        self.upstream.desk.report(breach=words)

    def find_session(self):
        """The session of the request; what is wrong with it has been answered when it is None."""
        session = self.sessions.get(self.headers.get("Mcp-Session-Id"))
        if "no-sessions" in self.upstream.options.odd and self.sessions:
            if "Mcp-Session-Id" in self.headers:
                self.breach("an Mcp-Session-Id came to a server that gave none")
            return list(self.sessions.values())[-1]
        if session is None:
            self.reply(404 if "Mcp-Session-Id" in self.headers else 400)
        elif session.revision in REVISIONS[:2] and self.headers.get("MCP-Protocol-Version") != session.revision:
            self.breach(f"MCP-Protocol-Version is {self.headers.get('MCP-Protocol-Version')} in a session of {session.revision}")
        return session

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        legacy, self.method = self.upstream.options.era == "legacy", message.get("method")
        self.upstream.desk.report(got=message, process=os.getpid(), session=self.headers.get("Mcp-Session-Id"),
                                  headers={name.lower(): value for name, value in self.headers.items()})
        if not all(kind in self.headers.get("Accept", "") for kind in ("application/json", "text/event-stream")):
            self.breach(f"Accept is {self.headers.get('Accept')}")
        session = None
        if legacy and message.get("method") == "initialize":
            session = self.upstream.era.session(StandaloneStream())
            session.id, session.kept, session.wake = str(uuid.uuid4()), [], threading.Event()
            self.sessions[session.id] = session
        elif legacy and message.get("method") != "server/discover":
            session = self.find_session()
            if session is None:
                return None
        elif not legacy:
            self.check_mirror(message)
            if self.wrong_parameter(message):
                return None
        if session or not legacy:
            self.upstream.era.check(message, session, self.breach)
        if "method" in message and "id" in message:
            if legacy and session is None:
                return self.reply(400, json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": {
                    "code": -32000, "message": "Bad Request: no session"}}).encode())
            answer(self.upstream, message, session, PostStream(self, session))
        else:
            (self.upstream.era.notification if "method" in message else self.upstream.era.answer)(message, session)
            self.reply(202)
        return None

    def wrong_parameter(self, message):
        """Refuses a call whose Mcp-Param-Region is not the region of its body, as a server must."""
        params = message.get("params") or {}
        region = (params.get("arguments") or {}).get("region")
        if params.get("name") != "region" or self.headers.get("Mcp-Param-Region") == region:
            return False
        self.reply(400, json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": {
            "code": -32020, "message": "Mcp-Param-Region is not what the body says"}}).encode())
        return True

    def check_mirror(self, message):
        """The fields of a modern request repeat its body."""
        if "id" not in message or message["method"] == "initialize":
            return
        params = message.get("params") or {}
        named = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
        name = params.get(named.get(message["method"]))
        wanted = {"MCP-Protocol-Version": MODERN, "Mcp-Method": message["method"], "Mcp-Session-Id": None, "Last-Event-ID": None}
        if name is None or name.isascii():
            wanted["Mcp-Name"] = name
        for field, value in wanted.items():
            if self.headers.get(field) != value:
                self.breach(f"{field} of {message['method']} is {self.headers.get(field)!r}, and not {value!r}")

    def do_GET(self):
        if self.upstream.options.era == "modern" or "post-only" in self.upstream.options.odd:
            return self.reply(405)
        session = self.find_session()
        if session is None:
            return None
        after = self.headers.get("Last-Event-ID")
        self.upstream.desk.report(get=True, session=session.id, after=after)
        self.begin_events()
        stream = PostStream(self, session)
        try:
            if after == f"{session.id}/resume":
                session.wake.wait(30)
                for message in session.kept:
                    self.event(message)
                return self.end_events()
            ends = session.say.ends
            while not stream.gone() and session.id in self.sessions and session.say.ends == ends:
                for message in session.say.take(0.05):
                    self.event(message)
            return self.end_events()
        except OSError:
            return None

    def do_DELETE(self):
        refused = self.upstream.options.era == "modern" or "post-only" in self.upstream.options.odd
        session = None if refused else self.find_session()
        if refused:
            self.reply(405)
        elif session:
            self.upstream.desk.report(deleted=session.id)
            del self.sessions[session.id]
            self.reply(200)


class HttpFront:
    def __init__(self, upstream, address):
        host, port = address.rsplit(":", 1)
        Handler.upstream, Handler.sessions = upstream, {}
        http.server.ThreadingHTTPServer.daemon_threads = True
        self.server = http.server.ThreadingHTTPServer((host, int(port)), Handler)
        self.server.request_queue_size = 128

    def forget(self):
        Handler.sessions.clear()

    def die(self, call):
        """Breaks the connection off: a server whose process ends looks like this to its peer."""
        call.send.handler.connection.shutdown(socket.SHUT_RDWR)
        raise ConnectionError

    def serve(self):
        print("listening on http://%s:%d/mcp" % self.server.server_address, file=sys.stderr, flush=True)
        self.server.serve_forever()
