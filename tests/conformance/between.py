#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A client for the suite that has the gateway in between: between.py [--other-era] URL

Starts Sluice in front of URL, which is a server that the suite plays, and everything_client in front of Sluice. The suite says by
its environment what the client has to do; the era of its server is told to Sluice, for its servers of one era do not all
take the question for the other. The client speaks that era, too, or the other one.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from toolbox import Server, binary  # noqa: E402

REVISIONS = {"legacy": "2025-11-25", "modern": "2026-07-28"}
SECONDS = 60


def main(url, crossing):
    era = "modern" if os.environ.get("MCP_CONFORMANCE_PROTOCOL_VERSION") == REVISIONS["modern"] else "legacy"
    spoken = era if not crossing else "legacy" if era == "modern" else "modern"
    environment = {**os.environ, "MCP_CONFORMANCE_PROTOCOL_VERSION": REVISIONS[spoken]}
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "sluice.yaml")
        file.write_text(json.dumps({"listen": {"http": "127.0.0.1:0"}, "upstreams": {"suite": {"url": url, "era": era}},
                                    "routes": [{"path": "/mcp", "upstreams": ["suite"]}]}))
        gateway = Server([binary("sluice"), "serve", "-c", file])
        done = subprocess.run([binary("everything_client"), gateway.url], env=environment, timeout=SECONDS)
        complaint = gateway.stop()
    if done.returncode or complaint:
        print(complaint or gateway.output(), file=sys.stderr)
    return done.returncode or (1 if complaint else 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[-1], "--other-era" in sys.argv[1:-1]))
