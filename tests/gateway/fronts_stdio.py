# SPDX-License-Identifier: Apache-2.0
"""The scripted upstream as a child: one message a line, each request in a thread of its own."""
import json
import os
import sys
import threading

from era import Gone, Refused


class Line:
    """Standard output, as the stream of every call and of the session."""

    def __init__(self, odd):
        self.lock, self.out = threading.Lock(), sys.stdout.buffer
        self.before = b"a line that is no message\n\n" if "noise" in odd else b""
        self.end = b"\r\n" if "crlf" in odd else b"\n"

    def __call__(self, message, status=200):
        with self.lock:
            self.out.write(self.before + json.dumps(message).encode() + self.end)
            self.out.flush()

    def stray(self, message):
        self(message)

    def gone(self):
        return False

    def drop(self):
        pass


class StdioFront:
    def __init__(self, upstream, address):
        self.upstream, self.line = upstream, Line(upstream.options.odd)
        self.session = upstream.era.session(self.line)

    def die(self, call):
        os._exit(3)

    def serve(self):
        for line in sys.stdin.buffer:
            parsed = json.loads(line)
            for message in parsed if isinstance(parsed, list) else [parsed]:
                self.upstream.desk.report(got=message, process=os.getpid(), session=str(os.getpid()))
                if message.get("method") == "server/discover" and self.probed(message):
                    continue
                self.upstream.era.check(message, self.session, lambda words: self.upstream.desk.report(breach=words))
                receive(self.upstream, message, self.session, self.line)
        self.upstream.desk.report(ended=str(os.getpid()))
        os._exit(0)

    def probed(self, message):
        """What legacy servers do when they are asked what they do not know."""
        odd = self.upstream.options.odd
        if "exits-on-discover" in odd:
            os._exit(2)
        if "refuses-discover" in odd:
            self.line({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32000, "message": "Server not initialized"}})
        return bool(odd & {"silent-on-discover", "refuses-discover"})


def receive(upstream, message, session, send):
    if "method" not in message:
        upstream.era.answer(message, session)
    elif "id" not in message:
        upstream.era.notification(message, session)
    else:
        threading.Thread(target=answer, args=(upstream, message, session, send), daemon=True).start()


def answer(upstream, message, session, send):
    """Performs a request and sends what it comes to, if anything."""
    call = upstream.era.call_type(upstream, message, send, session)
    try:
        send({"jsonrpc": "2.0", "id": call.id, "result": upstream.era.request(call)})
    except Refused as refused:
        send({"jsonrpc": "2.0", "id": call.id, "error": refused.error}, refused.status)
    except (KeyError, TypeError, AttributeError) as lacking:  # params that are not what the method needs
        send({"jsonrpc": "2.0", "id": call.id, "error": {"code": -32602, "message": f"these params will not do: {lacking!r}"}})
    except (Gone, ConnectionError):
        pass
