#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 as raw bytes against `testee`: what RFC 9112 says, what smugglers try, and whether the connection lives on.

A case is bytes and the statuses that must come back, in order, and whether the connection is then open or closed. Open
is proven by a further request on it, closed by its end, waiting by silence while another connection is served: no case
sleeps. Every case runs in one write and again byte by byte. Last line: `N passed, N failed`.
"""
import pathlib
import socket
import sys
from collections import namedtuple

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from toolbox import Server, Tally, binary  # noqa: E402

PATIENCE = 10  # Seconds until a case that waits for bytes has failed.
OPEN, CLOSED = "open", "closed"
Case = namedtuple("Case", "name statuses after sent bodies bodiless")
Answer = namedtuple("Answer", "status fields body")


class Await:
    """In the bytes of a case: go on only when this many answers, interim ones included, are there."""

    def __init__(self, answers):
        self.answers = answers


class Waits:
    """In the bytes of a case: the server must still be waiting for more here."""


def case(name, statuses, after, *sent, bodies=None, bodiless=()):
    """`bodies` are those of the final answers; `bodiless` says which answers are to a HEAD."""
    return Case(name, statuses if isinstance(statuses, list) else [statuses], after, sent, bodies, set(bodiless))


def get(fields=b"", target=b"/echo", version=b"1.1", host=b"Host: a\r\n"):
    return b"GET " + target + b" HTTP/" + version + b"\r\n" + host + fields + b"\r\n"


def post(fields, body=b"", host=b"Host: a\r\n", version=b"1.1"):
    return b"POST /echo HTTP/" + version + b"\r\n" + host + fields + b"\r\n" + body


def chunked(body, fields=b"Transfer-Encoding: chunked\r\n"):
    return post(fields, body)


EVIL = get(b"X-Evil: 1\r\n", target=b"/evil")
AFTER = b"GET /echo HTTP/1.1\r\nHost: follow-up\r\n\r\n"

VALID = [
    case("a plain request", 200, OPEN, get()),
    case("a page for every path", 200, OPEN, get(target=b"/anything?x=1")),
    case("a body is echoed", 200, OPEN, post(b"Content-Length: 5\r\n", b"hello"), bodies=[b"hello"]),
    case("a body with any method", 200, OPEN, b"BREW /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntea", bodies=[b"tea"]),
    case("a body with GET", 200, OPEN, get(b"Content-Length: 2\r\n") + b"ab", bodies=[b"ab"]),
    case("an empty body", 200, OPEN, post(b"Content-Length: 0\r\n"), bodies=[b""]),
    case("no length is no body", 200, OPEN, post(b""), bodies=[b""]),
    case("names of fields in any case", 200, OPEN, b"POST /echo HTTP/1.1\r\nhOsT: a\r\ncontent-LENGTH: 2\r\n\r\nok", bodies=[b"ok"]),
    case("blanks and tabs around a value", 200, OPEN, get(b"X: \t b \t\r\n")),
    case("no blank before a value", 200, OPEN, get(b"X:b\r\n")),
    case("an empty value", 200, OPEN, get(b"X:\r\nY: \r\n")),
    case("bytes above 127 in a value", 200, OPEN, get(b"X: \xe2\x82\xac \xff\r\n")),
    case("one empty line before a request", 200, OPEN, b"\r\n" + get()),
    case("absolute form", 200, OPEN, get(target=b"http://a/echo")),
    case("absolute form goes before Host", 200, OPEN, b"GET http://b:80/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    case("asterisk form with OPTIONS", 200, OPEN, b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
    case("an empty Host", 200, OPEN, b"GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    case("a Host with a port", 200, OPEN, b"GET / HTTP/1.1\r\nHost: a.example:8080\r\n\r\n"),
    case("a Host in brackets", 200, OPEN, b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"),
    case("HEAD has a length and no body", 200, OPEN, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", bodiless=[0], bodies=[b""]),
    case("Connection: close", 200, CLOSED, get(b"Connection: close\r\n")),
    case("close in a list, in another case", 200, CLOSED, get(b"Connection: x, CLOSE\r\n")),
    case("HTTP/1.0 closes", 200, CLOSED, get(version=b"1.0")),
    case("HTTP/1.0 without a Host", 200, CLOSED, get(version=b"1.0", host=b"")),
    case("HTTP/1.0 with keep-alive", 200, OPEN, get(b"Connection: keep-alive\r\n", version=b"1.0")),
    case("HTTP/1.0 with a body", 200, CLOSED, post(b"Content-Length: 2\r\n", b"ok", version=b"1.0"), bodies=[b"ok"]),
]

CHUNKED = [
    case("chunks", 200, OPEN, chunked(b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), bodies=[b"hello world"]),
    case("chunk sizes in hex of both cases", 200, OPEN, chunked(b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"), bodies=[b"0123456789" * 2]),
    case("zeros before a chunk size", 200, OPEN, chunked(b"0005\r\nhello\r\n000\r\n\r\n"), bodies=[b"hello"]),
    case("chunked in another case", 200, OPEN, chunked(b"1\r\nx\r\n0\r\n\r\n", b"transfer-encoding: CHUNKED\r\n"), bodies=[b"x"]),
    case("a chunk extension", 200, OPEN, chunked(b"1;a=b;c\r\nx\r\n0;d=\"e;\\\"f\"\r\n\r\n"), bodies=[b"x"]),
    case("a trailer", 200, OPEN, chunked(b"1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n"), bodies=[b"x"]),
    case("a trailer cannot change the length", 200, OPEN, chunked(b"1\r\nx\r\n0\r\nContent-Length: 99\r\n\r\n"), bodies=[b"x"]),
    case("an empty chunked body", 200, OPEN, chunked(b"0\r\n\r\n"), bodies=[b""]),
    case("line ends in a chunk are data", 200, OPEN, chunked(b"4\r\n\r\n\r\n\r\n0\r\n\r\n"), bodies=[b"\r\n\r\n"]),
    case("a chunk size that overflows", 400, CLOSED, chunked(b"10000000000000001\r\nx\r\n0\r\n\r\n")),
    case("a chunk size of 2^64 - 1", 400, CLOSED, chunked(b"ffffffffffffffff\r\nx\r\n0\r\n\r\n")),
    case("a chunk beyond the bound", 413, CLOSED, chunked(b"7fffffff\r\nx")),
    case("a negative chunk size", 400, CLOSED, chunked(b"-1\r\nx\r\n0\r\n\r\n")),
    case("a chunk size with a plus", 400, CLOSED, chunked(b"+1\r\nx\r\n0\r\n\r\n")),
    case("a chunk size with 0x", 400, CLOSED, chunked(b"0x1\r\nx\r\n0\r\n\r\n")),
    case("a chunk size with an underscore", 400, CLOSED, chunked(b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n")),
    case("a chunk size with a blank before", 400, CLOSED, chunked(b" 1\r\nx\r\n0\r\n\r\n")),
    case("an empty chunk size", 400, CLOSED, chunked(b"\r\nx\r\n0\r\n\r\n")),
    case("junk behind a chunk size", 400, CLOSED, chunked(b"1z\r\nx\r\n0\r\n\r\n")),
    case("junk for a chunk", 400, CLOSED, chunked(b"INVALID!\r\n") + EVIL),
    case("a chunk size ended by a bare LF", 400, CLOSED, chunked(b"1\nx\r\n0\r\n\r\n")),
    case("a chunk size ended by a bare CR", 400, CLOSED, chunked(b"1\rx\r\n0\r\n\r\n")),
    case("a chunk extension with a bare LF (TERM.EXT)", 400, CLOSED, chunked(b"1;a\nx\r\n0\r\n\r\n")),
    case("a chunk extension with a CR (EXT.TERM)", 400, CLOSED, chunked(b"1;a\rb\r\nx\r\n0\r\n\r\n")),
    case("chunk data longer than its size (SPILL)", 400, CLOSED, chunked(b"1\r\nxyz\r\n0\r\n\r\n")),
    case("chunk data ended by a bare LF (TERM.SPILL)", 400, CLOSED, chunked(b"1\r\nx\n0\r\n\r\n")),
    case("chunk data ended by two other bytes", 400, CLOSED, chunked(b"1\r\nxXX0\r\n\r\n")),
    case("the last chunk ended by other bytes", 400, CLOSED, chunked(b"0\r\nXX") + EVIL),
    case("a trailer without a colon", 400, CLOSED, chunked(b"0\r\nevil\r\n\r\n")),
    case("a trailer with a bare LF", 400, CLOSED, chunked(b"0\r\nX: 1\n\r\n")),
    case("a folded trailer", 400, CLOSED, chunked(b"0\r\nX: 1\r\n 2\r\n\r\n")),
    case("a chunk extension beyond the bound", 400, CLOSED, chunked(b"1;" + b"a" * 400 + b"\r\nx\r\n0\r\n\r\n")),
]

SMUGGLING = [
    case("length and chunked", 400, CLOSED, post(b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n") + EVIL),
    case("chunked and length", 400, CLOSED, post(b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", b"0\r\n\r\n") + EVIL),
    case("length and chunked in other cases", 400, CLOSED, post(b"content-LengtH: 5\r\nTransFer-Encoding: chunked\r\n", b"0\r\n\r\n") + EVIL),
    case("two different lengths", 400, CLOSED, post(b"Content-Length: 0\r\nContent-Length: 44\r\n") + EVIL),
    case("two equal lengths", 400, CLOSED, post(b"Content-Length: 2\r\nContent-Length: 2\r\n", b"ok")),
    case("a list of lengths", 400, CLOSED, post(b"Content-Length: 2, 2\r\n", b"ok")),
    case("a length with a plus", 400, CLOSED, post(b"Content-Length: +2\r\n", b"ok")),
    case("a negative length", 400, CLOSED, post(b"Content-Length: -2\r\n", b"ok")),
    case("a length with an underscore", 400, CLOSED, post(b"Content-Length: 0_2\r\n", b"ok")),
    case("a length in hex", 400, CLOSED, post(b"Content-Length: 0x2\r\n", b"ok")),
    case("a length that is empty", 400, CLOSED, post(b"Content-Length: \r\n", b"ok")),
    case("an empty length and another", 400, CLOSED, post(b"Content-Length: \r\nContent-Length: 43\r\n") + EVIL),
    case("a length with a blank inside", 400, CLOSED, post(b"Content-Length: 4 2\r\n", b"ok")),
    case("a length with zeros before", 400, CLOSED, post(b"Content-Length: 002\r\n", b"ok")),
    case("a length with a fraction", 400, CLOSED, post(b"Content-Length: 2.0\r\n", b"ok")),
    case("a length beyond 64 bits", 400, CLOSED, post(b"Content-Length: 18446744073709551618\r\n", b"ok")),
    case("a length beyond the bound", 413, CLOSED, post(b"Content-Length: 999999999\r\n", b"ok")),
    case("a length with a bare CR", 400, CLOSED, post(b"Content-Length: 2\r \r\n", b"ok")),
    case("chunked twice in one field", 400, CLOSED, chunked(b"0\r\n\r\n", b"Transfer-Encoding: chunked, chunked\r\n") + EVIL),
    case("chunked twice in two fields", 400, CLOSED, chunked(b"0\r\n\r\n", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") + EVIL),
    case("chunked and identity", 400, CLOSED, chunked(b"0\r\n\r\n", b"Transfer-Encoding: chunked, identity\r\n") + EVIL),
    case("identity", 400, CLOSED, chunked(b"0\r\n\r\n", b"Transfer-Encoding: identity\r\n") + EVIL),
    case("an unknown coding", 400, CLOSED, chunked(b"1\r\nZ\r\n0\r\n\r\n", b"Transfer-Encoding: blegh\r\n") + EVIL),
    case("a coding before chunked", 501, CLOSED, chunked(b"0\r\n\r\n", b"Transfer-Encoding: gzip, chunked\r\n") + EVIL),
    case("chunked with a tab inside", 400, CLOSED, chunked(b"0\r\n\r\n", b"Transfer-Encoding: chun\tked\r\n") + EVIL),
    case("chunked with a vertical tab", 400, CLOSED, chunked(b"0\r\n\r\n", b"Transfer-Encoding: \x0bchunked\r\n") + EVIL),
    case("chunked between bytes above 127", 400, CLOSED, chunked(b"0\r\n\r\n", b"Transfer-Encoding: \xffchunked\xff\r\n") + EVIL),
    case("chunked in quotes", 400, CLOSED, chunked(b"0\r\n\r\n", b"Transfer-Encoding: \"chunked\"\r\n") + EVIL),
    case("xchunked", 400, CLOSED, chunked(b"0\r\n\r\n", b"Transfer-Encoding: xchunked\r\n") + EVIL),
    case("an empty coding", 400, CLOSED, chunked(b"0\r\n\r\n", b"Transfer-Encoding: \r\n") + EVIL),
    case("chunked in HTTP/1.0", 400, CLOSED, post(b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", version=b"1.0") + EVIL),
    case("a blank before the colon", 400, CLOSED, post(b"Content-Length : 5\r\n", b"hello")),
    case("a blank before the colon of chunked", 400, CLOSED, chunked(b"0\r\n\r\n", b"Transfer-Encoding : chunked\r\n") + EVIL),
    case("a tab before the colon", 400, CLOSED, get(b"X\t: b\r\n")),
    case("a folded line", 400, CLOSED, get(b"X: a\r\n b\r\n")),
    case("a folded line with a tab", 400, CLOSED, chunked(b"0\r\n\r\n", b"Transfer-Encoding:\r\n\tchunked\r\n") + EVIL),
    case("a blank before the first field", 400, CLOSED, b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
]

MALFORMED = [
    case("no Host", 400, CLOSED, get(host=b"")),
    case("two Hosts", 400, CLOSED, get(b"Host: b\r\n")),
    case("two equal Hosts", 400, CLOSED, get(b"Host: a\r\n")),
    case("a Host with a list", 400, CLOSED, get(host=b"Host: a, b\r\n")),
    case("a Host with a path", 400, CLOSED, get(host=b"Host: a/b\r\n")),
    case("a Host with a user", 400, CLOSED, get(host=b"Host: u@a\r\n")),
    case("a Host with a blank", 400, CLOSED, get(host=b"Host: a b\r\n")),
    case("lines that end in LF", 400, CLOSED, b"GET / HTTP/1.1\nHost: a\n\n"),
    case("one field that ends in LF", 400, CLOSED, get(b"X: b\nY: c\r\n")),
    case("a bare CR in a value", 400, CLOSED, get(b"X: b\rY: c\r\n")),
    case("a bare CR behind the fields", 400, CLOSED, b"GET / HTTP/1.1\r\nHost: a\r\n\rX: b\r\n\r\n"),
    case("NUL in a value", 400, CLOSED, get(b"X: b\x00c\r\n")),
    case("NUL in a name", 400, CLOSED, get(b"X\x00: b\r\n")),
    case("a control character in a value", 400, CLOSED, get(b"X: b\x07\r\n")),
    case("DEL in a value", 400, CLOSED, get(b"X: b\x7f\r\n")),
    case("a name with brackets", 400, CLOSED, get(b"X[]: b\r\n")),
    case("a name above 127", 400, CLOSED, get(b"X\xc3\xa9: b\r\n")),
    case("an empty name", 400, CLOSED, get(b": b\r\n")),
    case("a line without a colon", 400, CLOSED, get(b"X-Nothing\r\n")),
    case("no version", 400, CLOSED, b"GET /\r\nHost: a\r\n\r\n"),
    case("no target", 400, CLOSED, b"GET HTTP/1.1\r\nHost: a\r\n\r\n"),
    case("two blanks before the target", 400, CLOSED, b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    case("a tab before the version", 400, CLOSED, b"GET /\tHTTP/1.1\r\nHost: a\r\n\r\n"),
    case("a blank behind the version", 400, CLOSED, b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
    case("a blank before the method", 400, CLOSED, b" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    case("a method that is no token", 400, CLOSED, b"G@T / HTTP/1.1\r\nHost: a\r\n\r\n"),
    case("a version in small letters", 400, CLOSED, b"GET / http/1.1\r\nHost: a\r\n\r\n"),
    case("a version with more digits", 400, CLOSED, b"GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
    case("a version that is no number", 400, CLOSED, b"GET / HTTP/x.y\r\nHost: a\r\n\r\n"),
    case("HTTP/9.9", 505, CLOSED, b"GET / HTTP/9.9\r\nHost: a\r\n\r\n"),
    case("HTTP/2.0", 505, CLOSED, b"GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    case("a target without a slash", 400, CLOSED, get(target=b"echo")),
    case("a target with a fragment", 400, CLOSED, get(target=b"/a#b")),
    case("a target with a broken escape", 400, CLOSED, get(target=b"/%zz")),
    case("a target above 127", 400, CLOSED, get(target=b"/\xff")),
    case("asterisk form with GET", 400, CLOSED, get(target=b"*")),
    case("absolute form with a user", 400, CLOSED, get(target=b"http://u@a/")),
    case("two empty lines before a request", 400, CLOSED, b"\r\n\r\n" + get()),
    case("a bare LF before a request", 400, CLOSED, b"\n" + get()),
    case("a TLS handshake", 400, CLOSED, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    case("a target beyond the bound", 414, CLOSED, get(target=b"/" + b"a" * 9000)),
    case("a value beyond the bound", 431, CLOSED, get(b"X: " + b"a" * 9000 + b"\r\n")),
    case("fields beyond the bound", 431, CLOSED, get(b"".join(b"X-%d: %s\r\n" % (i, b"a" * 8000) for i in range(9)))),
    case("too many fields", 431, CLOSED, get(b"".join(b"X-%d: 1\r\n" % i for i in range(200)))),
]

CONNECTIONS = [
    case("two requests in one write", [200, 200], OPEN, get() + post(b"Content-Length: 2\r\n", b"ok"), bodies=[b"", b"ok"]),
    case("fifty requests in one write", [200] * 50, OPEN, b"".join(post(b"Content-Length: 2\r\n", b"%02d" % i) for i in range(50)),
         bodies=[b"%02d" % i for i in range(50)]),
    case("a chunked body and a further request", [200, 200], OPEN, chunked(b"1\r\nx\r\n0\r\n\r\n") + get(), bodies=[b"x", b""]),
    case("a request behind a length of 0", [200, 200], OPEN, post(b"Content-Length: 0\r\n") + get(), bodies=[b"", b""]),
    case("nothing is read behind close", 200, CLOSED, get(b"Connection: close\r\n") + EVIL),
    case("nothing is read behind HTTP/1.0", 200, CLOSED, get(version=b"1.0") + EVIL),
    case("a bad request behind a good one", [200, 400], CLOSED, get() + b"BAD\r\n\r\n" + EVIL),
    case("bytes behind a body are the next request", [200, 400], CLOSED, post(b"Content-Length: 2\r\n", b"ok(") + EVIL),
    case("HEAD and GET in one write", [200, 200], OPEN, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + get(), bodiless=[0]),
    case("an empty line between requests", [200, 200], OPEN, post(b"Content-Length: 2\r\n", b"ok") + b"\r\n" + get()),
    case("100 before a body", [100, 200], OPEN, post(b"Content-Length: 2\r\nExpect: 100-continue\r\n"), Await(1), b"ok", bodies=[b"ok"]),
    case("100 before chunks", [100, 200], OPEN, post(b"Transfer-Encoding: chunked\r\nExpect: 100-Continue\r\n"), Await(1),
         b"1\r\nx\r\n0\r\n\r\n", bodies=[b"x"]),
    case("no 100 without a body", 200, OPEN, get(b"Expect: 100-continue\r\n")),
    case("no 100 in HTTP/1.0", 200, CLOSED, post(b"Content-Length: 2\r\nExpect: 100-continue\r\n", b"ok", version=b"1.0"), bodies=[b"ok"]),
    case("an answer, then the next request", [200, 200], OPEN, get(), Await(1), get()),
    case("a megabyte", 200, OPEN, post(b"Content-Length: 1000000\r\n", b"m" * 1000000), bodies=[b"m" * 1000000]),
]

# Where a head or a body breaks off, the server waits; with the rest it answers.
WHOLE = post(b"Content-Length: 5\r\n", b"hello")
PARTIAL = [case(f"waits behind {WHOLE[:at][-12:]!r}", 200, OPEN, WHOLE[:at], Waits(), WHOLE[at:], bodies=[b"hello"])
           for at in (1, 4, 5, 10, 11, 15, 19, 20, 21, 24, 26, 28, 29, 30, len(WHOLE) - 8, len(WHOLE) - 6, len(WHOLE) - 5, len(WHOLE) - 1)]
CHUNKS = chunked(b"5;a=b\r\nhello\r\n0\r\nX: 1\r\n\r\n")
PARTIAL += [case(f"waits behind {CHUNKS[:at][-12:]!r}", 200, OPEN, CHUNKS[:at], Waits(), CHUNKS[at:], bodies=[b"hello"])
            for at in range(len(CHUNKS) - 25, len(CHUNKS))]

CASES = VALID + CHUNKED + SMUGGLING + MALFORMED + CONNECTIONS + PARTIAL


class Wire:
    """One connection to testee: sends, and takes answers off what has come."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.held, self.ended = b"", False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data, piece):
        try:
            for at in range(0, len(data), piece):
                self.socket.sendall(data[at:at + piece])
        except OSError:
            pass  # It has refused and gone: what it answered is still to be read.

    def more(self):
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionError:
            data = b""
        self.ended = self.ended or not data
        self.held += data
        return bool(data)

    def silent(self):
        self.socket.setblocking(False)
        try:
            return self.socket.recv(1) == b"?"
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            self.socket.settimeout(PATIENCE)

    def answer(self, bodiless):
        """The next answer, or None at the end of the connection."""
        while b"\r\n\r\n" not in self.held:
            if not self.more():
                assert not self.held, f"the connection ended within {self.held[:60]!r}"
                return None
        head, _, self.held = self.held.partition(b"\r\n\r\n")
        line, *fields = head.split(b"\r\n")
        version, status, _ = line.split(b" ", 2)
        assert version == b"HTTP/1.1", line
        fields = {name.lower(): value.strip() for name, _, value in (field.partition(b":") for field in fields)}
        size = 0 if bodiless or status.startswith(b"1") else int(fields[b"content-length"])
        while len(self.held) < size:
            assert self.more(), "the connection ended within a body"
        body, self.held = self.held[:size], self.held[size:]
        return Answer(int(status), fields, body)


def served(address):
    """Another connection is opened and answered: whatever was sent before has been seen by then."""
    for _ in range(2):
        with Wire(address) as wire:
            wire.send(AFTER, len(AFTER))
            assert wire.answer(False).status == 200


def check(address, one, piece):
    with Wire(address) as wire:
        answers = []

        def take():
            answer = wire.answer(len(answers) in one.bodiless)
            if answer:
                answers.append(answer)
            return answer

        for part in one.sent:
            if isinstance(part, Waits):
                served(address)
                assert wire.silent(), "it did not wait for the rest"
            elif isinstance(part, Await):
                while len(answers) < part.answers and take():
                    pass
            else:
                wire.send(part, piece)
        while len(answers) < len(one.statuses) and take():
            pass
        statuses = [answer.status for answer in answers]
        assert statuses == one.statuses, f"answered {statuses}, not {one.statuses}"
        if one.bodies is not None:
            bodies = [answer.body for answer in answers if answer.status >= 200]
            assert bodies == one.bodies, f"bodies {bodies!r:.200}"
        if one.after == OPEN:
            wire.send(AFTER, len(AFTER))
            further = take()
            assert further and further.status == 200, "the connection did not live on"
        else:
            assert answers[-1].fields.get(b"connection") == b"close", "it closes and does not say so"
            further = take()
            assert further is None, f"after {statuses} it answered {further}"


TIMES = [
    ("a head that never ends", b"GET / HTTP/1.1\r\nHo", [408]),
    ("a body that never ends", post(b"Content-Length: 5\r\n", b"he"), [408]),
    ("chunks that never end", chunked(b"5\r\nhello\r\n"), [408]),
    ("a connection without a request", b"", []),
    ("a connection that asks no more", get(), [200]),
]


def check_time(address, sent, expected):
    with Wire(address) as wire:
        wire.send(sent, len(sent) or 1)
        statuses = []
        while True:
            answer = wire.answer(False)
            if answer is None:
                break
            statuses.append(answer.status)
        assert statuses == expected, f"answered {statuses}, not {expected}"


def start(*flags):
    server = Server([binary("testee"), "--http", "127.0.0.1:0", *flags])
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    return server, (host, int(port))


def complaint_of(function, *arguments):
    try:
        function(*arguments)
    except (AssertionError, OSError, ValueError, KeyError) as trouble:
        return str(trouble) or type(trouble).__name__
    return None


def main():
    tally = Tally()
    server, address = start()
    for one in CASES:
        tally.case(one.name, complaint_of(check, address, one, 1 << 20))
        if sum(len(part) for part in one.sent if isinstance(part, bytes)) < 20000:
            tally.case(one.name + ", byte by byte", complaint_of(check, address, one, 1))
    tally.case("testee ends as it was asked to", server.stop())
    server, address = start("--receipt-ms", "200", "--keep-alive-ms", "300")
    for name, sent, expected in TIMES:
        tally.case(name, complaint_of(check_time, address, sent, expected))
    tally.case("testee with short times ends as it was asked to", server.stop())
    tally.end()


if __name__ == "__main__":
    main()
