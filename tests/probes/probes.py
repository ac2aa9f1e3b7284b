#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The probes judge foreign texts from outside: JSONTestSuite by both of our JSON readers, and a few heads and streams.

Usage: probes.py [JSON_TEST_SUITE], the folder of its y_, n_ and i_ files. What the suite leaves open (i_) must only be
judged alike by both readers; docs/json.md says how. Without the folder only our own cases run, and a note says so.
Last line: `N passed, N failed`.
"""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from toolbox import Tally, binary  # noqa: E402

TAKEN, REFUSED = 0, 1
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"

# Program and flags, what it reads, the exit code, and what it prints (None: whatever).
CASES = (
    (["json_probe"], b'{"a":[1,2.5e3,"\\u20ac",null,true]}', TAKEN, b""),
    (["json_probe"], b"", REFUSED, b""),
    (["json_probe"], b"[" * 100_000, REFUSED, b""),
    (["json_probe", "--scan"], b"[" * 100_000, REFUSED, b""),
    (["json_probe", "--scan"], b"[NaN]", REFUSED, b""),
    (["http_probe"], GET, TAKEN, b"GET /, 0 bytes of body\n"),
    (["http_probe"], GET[:-2], REFUSED, b""),
    (["http_probe"], b"", REFUSED, b""),
    (["http_probe"], GET + GET, REFUSED, None),
    (["http_probe", "--pipeline"], GET + GET, TAKEN, b"GET /, 0 bytes of body\n" * 2),
    (["http_probe"], b"GET / HTTP/1.1\r\n\r\n", REFUSED, b""),
    (["http_probe", "--response"], b"HTTP/1.1 200 OK\r\n\r\nuntil the end", TAKEN, b"HTTP/1.1 200, 13 bytes of body\n"),
    (["http_probe", "--response"], b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut", REFUSED, b""),
    (["sse_probe"], b"\xef\xbb\xbf: comment\nevent: e\rdata: a\r\ndata:b\nid: 1\nretry: 7\n\ndata: unfinished", TAKEN,
     b'{"type":"e","data":"a\\nb","id":"1"}\n{"last_event_id":"1","retry_ms":7}\n'),
    (["sse_probe"], b"", TAKEN, b'{"last_event_id":""}\n'),
    (["sse_probe"], b"data: \xff\n\n", REFUSED, b""),
)


def judge(words, text):
    done = subprocess.run([binary(words[0]), *words[1:]], input=text, capture_output=True, timeout=30)
    return done.returncode, done.stdout


def complaint_of(words, text, code, output=None):
    found, printed = judge(words, text)
    if found != code:
        return f"exit code {found}, not {code}"
    return f"printed {printed!r}" if output is not None and printed != output else None


def main():
    tally = Tally()
    for words, text, code, output in CASES:
        tally.case(f"{' '.join(words)} {text[:40]!r}", complaint_of(words, text, code, output))
    files = sorted(pathlib.Path(sys.argv[1]).glob("*.json")) if len(sys.argv) > 1 else []
    if not files:
        print("note: JSONTestSuite is not here: its files were not judged by the probes")
    readers = (["json_probe"], ["json_probe", "--scan"])
    for file in files:
        text = file.read_bytes()
        if file.name[0] in "yn":
            for words in readers:
                tally.case(f"{' '.join(words)} {file.name}", complaint_of(words, text, TAKEN if file.name[0] == "y" else REFUSED))
        else:
            codes = {judge(words, text)[0] for words in readers}
            tally.case(file.name, None if codes in ({TAKEN}, {REFUSED}) else f"judged in different ways: {codes}")
    tally.end()


if __name__ == "__main__":
    main()
