#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Other people's clients use other people's servers through the gateway: strangers.py [typescript] [python] [go] [rust]

Behind the gateway, over stdio: server-everything, server-filesystem and server-memory (all legacy), and a server on
each TypeScript SDK that asks the user (asking_v1 legacy, asking_v2 modern). Through the gateway every client speaks its own
newest era with all of them, and is told which one its negotiation must end in; --direct shows, without a gateway, that
the TypeScript checks hold of the servers themselves, in the servers' eras. Servers on the Python and Go SDKs ask, too, in each of
the eras that they speak, and the TypeScript client of the other era answers. At last the official servers and our fixture are
behind one path, and the TypeScript and Python SDKs use them together, in both eras.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from toolbox import Server, Tally, binary, command, fetched, needs, node_script, npm_program  # noqa: E402

MODERN = "2026-07-28"
SECONDS = 120


def servers(folder):
    """Command and era by name. Folders are given as the server resolves them."""
    official = "@modelcontextprotocol/server-"
    return {
        "everything": (npm_program(official + "everything", "dist/index.js"), "legacy"),
        "filesystem": (npm_program(official + "filesystem", "dist/index.js") + [folder], "legacy"),
        "memory": (["env", f"MEMORY_FILE_PATH={folder}/memory.jsonl", *npm_program(official + "memory", "dist/index.js")], "legacy"),
        "asking v1": (node_script(HERE / "asking_v1.mjs"), "legacy"),
        "asking v2": (node_script(HERE / "asking_v2.mjs"), MODERN),
    }


def typescript():
    """Clients as name: (command, which servers, which era). The old SDK knows the legacy era only."""
    words = node_script(HERE / "client.mjs")
    legacy = ["everything", "filesystem", "memory", "asking v1"]
    return {"TypeScript SDK 1.32": (words + ["v1"], legacy + ["asking v2"], "legacy"),
            "TypeScript SDK 2.4": (words + ["v2"], legacy + ["asking v2"], MODERN)}


def python():
    def fill(folder):
        command(sys.executable, "-m", "venv", folder / "venv")
        command(folder / "venv/bin/pip", "install", "-q", "--disable-pip-version-check", "-r", folder / "requirements.txt")
    folder = fetched("python", [HERE / "python" / "requirements.txt"], fill)
    ASKING["Python SDK"] = [folder / "venv/bin/python", HERE / "python" / "asking.py"]
    return {"Python SDK": ([folder / "venv/bin/python", HERE / "python" / "client.py"], FROM_ELSEWHERE, MODERN)}


def go():
    def fill(folder):
        for program in ("client", "asking"):
            command(compiler, "build", "-o", program, f"{program}.go", cwd=folder)
    compiler = needs("go", "the Go SDK needs Go 1.25 or newer")
    folder = fetched("go", [HERE / "go" / name for name in ("go.mod", "go.sum", "client.go", "asking.go")], fill)
    ASKING["Go SDK"] = [folder / "asking"]
    return {"Go SDK": ([folder / "client"], FROM_ELSEWHERE, MODERN)}


def rust():
    def fill(folder):
        (folder / "src").mkdir()
        shutil.move(folder / "main.rs", folder / "src" / "main.rs")
        command(cargo, "build", "--locked", "-q", cwd=folder)
    cargo = needs("cargo", "rmcp needs Rust 1.88 or newer")
    folder = fetched("rust", [HERE / "rust" / name for name in ("Cargo.toml", "Cargo.lock", "src/main.rs")], fill)
    return {"rmcp": ([folder / "target/debug/rust-client"], FROM_ELSEWHERE, MODERN)}


ASKING = {}  # what asks on an SDK whose clients are wanted; each speaks both eras
FROM_ELSEWHERE = ["everything", "asking v1", "asking v2"]


def use(tally, title, words):
    """Runs one client; each of its checks is a case."""
    try:
        done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return tally.case(title, f"no answer within {SECONDS} s")
    try:
        results = json.loads(done.stdout)
    except ValueError:
        return tally.case(title, f"{done.stdout}\n{done.stderr[-3000:]}\n[exit {done.returncode}]")
    fine = [tally.case(f"{title} {check}", None if result is True else result) for check, result in results.items()]
    if done.returncode != 0 and all(fine):
        tally.case(title, f"{done.stderr[-3000:]}\n[exit {done.returncode}]")
    return all(fine)


def configured(folder, upstreams):
    """The gateway in front of these, by name, all on one path."""
    file = pathlib.Path(folder, "sluice.yaml")
    file.write_text(json.dumps({"listen": {"http": "127.0.0.1:0"}, "upstreams": upstreams,
                                "routes": [{"path": "/mcp", "upstreams": list(upstreams)}]}))
    return Server([binary("sluice"), "serve", "-c", file])


def across(tally, name, words, folder):
    """A server that asks and speaks both eras, held to one of them, used by the TypeScript client of the other."""
    for server_era, (client, client_era) in {"legacy": ("v2", MODERN), "modern": ("v1", "legacy")}.items():
        gateway = configured(folder, {"asking": {"stdio": [str(word) for word in words], "era": server_era}})
        title = f"TypeScript SDK {client}, a {server_era} server on the {name}:"
        fine = use(tally, title, [*node_script(HERE / "client.mjs"), client, client_era, "asking", gateway.url, folder])
        tally.case(f"gateway to a {server_era} server on the {name} ends well", gateway.stop())
        if not fine:
            print("     the gateway said:\n" + gateway.output())


def together(tally, clients, folder):
    """server-everything, server-filesystem, server-memory and our fixture behind one path, used by the SDKs in both eras."""
    commands = servers(folder)
    upstreams = {name: commands[server][0] for name, server in (("everything", "everything"), ("files", "filesystem"),
                                                                ("memory", "memory"))}
    upstreams["fixture"] = [binary("everything")]
    gateway = configured(folder, {name: {"stdio": words} for name, words in upstreams.items()})
    fine = True
    for name, client in clients.items():
        for era in ("legacy",) if name == "TypeScript SDK 1.32" else ("legacy", MODERN):
            pathlib.Path(folder, "memory.jsonl").unlink(missing_ok=True)
            fine &= use(tally, f"{name}, four servers together, {era}:", [*client, era, "together", gateway.url, folder])
    tally.case("gateway to four servers ends well", gateway.stop())
    if not fine:
        print("     the gateway said:\n" + gateway.output())


def main(names):
    tally = Tally()
    direct = "--direct" in names
    wanted = [name for name in names if name != "--direct"] or ["typescript", "python", "go", "rust"]
    clients = {}
    for name in wanted:
        clients.update({"typescript": typescript, "python": python, "go": go, "rust": rust}[name]())
    with tempfile.TemporaryDirectory() as folder:
        for server, (words, era) in servers(folder).items():
            kind = server.partition(" ")[0]
            gateway = None if direct else Server([binary("sluice"), "serve", "--http", "127.0.0.1:0", "--", *words])
            fine = True
            for name, (client, uses, newest) in clients.items():
                if server in uses and not (direct and era == MODERN and newest == "legacy"):
                    pathlib.Path(folder, "memory.jsonl").unlink(missing_ok=True)
                    where = ["stdio", folder, *words] if direct else [gateway.url, folder]
                    fine &= use(tally, f"{name}, {server}:", [*client, era if direct else newest, kind, *where])
            if gateway:
                tally.case(f"gateway to {server} ends well", gateway.stop())
                if not fine:
                    print("     the gateway said:\n" + gateway.output())
        if not direct:
            for name, words in ASKING.items():
                across(tally, name, words, folder)
            known = {name: client for name, (client, _, _) in clients.items() if name.startswith(("TypeScript", "Python"))}
            together(tally, known, folder)
    tally.end()


if __name__ == "__main__":
    main(sys.argv[1:])
