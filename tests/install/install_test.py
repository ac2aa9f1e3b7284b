#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Installs a build into an empty prefix and builds a server against it outside the tree, by find_package and by
pkg-config. install_test.py BUILD_DIR

The server is copied out of the tree first: it sees installed files and nothing of the build.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from toolbox import Tally  # noqa: E402

CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
    "name": "add", "arguments": {"a": 2, "b": 40},
    "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}}}


def tool(*words, env=None, given=None):
    """Runs a command; returns its standard output, or raises with all that it said."""
    done = subprocess.run([str(word) for word in words], input=given, env={**os.environ, **(env or {})}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"$ {' '.join(map(str, words))}\n{done.stdout}{done.stderr}[exit {done.returncode}]")
    return done.stdout


def installs(build, prefix):
    tool("cmake", "--install", build, "--prefix", prefix)
    headers = [path.relative_to(prefix / "include/sluice").as_posix() for path in prefix.rglob("*.h")]
    assert "sdk/server.h" in headers, f"sdk/server.h is not among {headers}"
    assert (prefix / "bin/sluice").exists(), "bin/sluice is not installed"


def exports_only_our_names(prefix):
    library = next(prefix.rglob("libsluice.so"))
    names = [line.split()[-1] for line in tool("nm", "-D", "--defined-only", library).splitlines()]
    foreign = [name for name in names if not re.match(r"_Z(N[KOR]*|T[VIS]N|GVN|Thn\d+_N)6sluice", name)]
    assert names and not foreign, f"{len(foreign)} foreign names are exported: {foreign[:10]}"


def headers_name_no_foreign_library(prefix):
    for path in prefix.rglob("*.h"):
        found = re.search(r"#\s*include\s*[<\"](boost|uv\.h|simdjson|openssl|yaml-cpp|CLI|unistd|sys/)", path.read_text())
        assert not found, f"{path.name}: {found[0]}"


def by_find_package(prefix, folder):
    tool("cmake", "-G", "Ninja", "-S", folder / "outside", "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    tool("cmake", "--build", folder / "build")
    return folder / "build" / "outside"


def by_pkg_config(prefix, folder):
    env = {"PKG_CONFIG_PATH": str(next(prefix.rglob("pkgconfig")))}
    flags = tool("pkg-config", "--cflags", "--libs", "sluice", env=env).split()
    program = folder / "outside-pkg-config"
    tool("g++", "-std=c++20", folder / "outside/server.cc", "-o", program, *flags)
    return program


def answers(program, library):
    """The server answers one call over stdio and ends when its input does."""
    said = tool(program, given=json.dumps(CALL) + "\n", env={"LD_LIBRARY_PATH": str(library)})
    reply = json.loads(said.splitlines()[0])
    assert reply["id"] == 1 and "42" in json.dumps(reply["result"]["content"]), said


def calls(client, program, library):
    """The client finds the installed gateway, starts the server under it as minder, and calls it."""
    said = tool(client, program, env={"LD_LIBRARY_PATH": str(library)})
    assert said == "42\n", said


def main(build):
    tally = Tally()

    def case(name, action, *arguments):
        try:
            result = action(*arguments)
            tally.case(name)
            return result
        except Exception as trouble:  # Whatever went wrong is the complaint.
            tally.case(name, f"{type(trouble).__name__}: {trouble}")
            return None

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        prefix = folder / "prefix"
        shutil.copytree(HERE / "outside", folder / "outside")
        case("cmake --install fills a prefix", installs, build, prefix)
        case("the library exports only namespace sluice", exports_only_our_names, prefix)
        case("installed headers name no foreign library", headers_name_no_foreign_library, prefix)
        case("the installed gateway starts", tool, prefix / "bin/sluice", "--help")
        for way in (by_find_package, by_pkg_config):
            program = case(f"a server builds {way.__name__}", way, prefix, folder)
            if program:
                library = next(prefix.rglob("libsluice.so")).parent
                case(f"a server built {way.__name__} answers", answers, program, library)
                client = program.with_name("outside_client")
                if client.exists():
                    case("a client built outside calls it", calls, client, program, library)
    tally.end()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve())
