#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`sluice ls`, `call`, `read` and `prompt` as a person at a terminal uses them: over HTTP and over a command, in each era the
fixture speaks, with their exit codes."""
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from toolbox import Server, Tally, binary  # noqa: E402

tally = Tally()
REFUSED, USAGE, NO_SERVER = 1, 2, 3


def sluice(*words, code=0, within=60):
    """Runs the program without a terminal; its standard output and error, or an error when it ends otherwise than said."""
    done = subprocess.run([binary("sluice"), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=within)
    assert done.returncode == code, f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout, done.stderr


def case(name, action, *arguments):
    try:
        action(*arguments)
        tally.case(name)
    except Exception as trouble:  # Whatever went wrong is the complaint.
        tally.case(name, f"{type(trouble).__name__}: {trouble}")


def lists(target, revision):
    out, _ = sluice(*words("ls", target))
    assert revision in out.splitlines()[0] and "\n  test_simple_text  " in out and "\ntemplates\n" in out, out
    whole = json.loads(sluice(*words("ls", target, "--json"))[0])
    assert whole["server"]["protocolVersion"] == revision and whole["tools"] and whole["prompts"], whole


def calls(target):
    out, _ = sluice(*words("call", target, "test_simple_text"))
    assert out.strip(), "no text"
    whole = json.loads(sluice(*words("call", target, "--json", "test_simple_text"))[0])
    assert whole["content"][0]["type"] == "text", whole


def tells_progress(target):
    _, err = sluice(*words("call", target, "test_tool_with_progress"))
    assert "progress 100/100" in err, err


def fails(target):
    sluice(*words("call", target, "test_error_handling"), code=REFUSED)
    _, err = sluice(*words("read", target, "test://there-is-none"), code=REFUSED)
    assert err.startswith("sluice: "), err


def declines(target):
    out, _ = sluice(*words("call", target, "test_elicitation", "message=Who?"))
    assert "decline" in out, out


def reads(target):
    assert sluice(*words("read", target, "test://static-text"))[0].strip(), "no text"
    assert json.loads(sluice(*words("read", target, "--json", "test://static-text"))[0])["contents"], "no contents"


def prompts(target):
    out, _ = sluice(*words("prompt", target, "test_prompt_with_arguments", "arg1=one", "arg2=two"))
    assert out.startswith("user: ") and "one" in out and "two" in out, out


def words(verb, target, *rest):
    """A URL stands before the rest, a command behind it."""
    options, where = target
    if isinstance(where, str):
        return [verb, *options, where, *rest]
    return [verb, *options, *rest, "--", *where]


def refuses():
    sluice("call", "http://127.0.0.1:9/mcp", code=USAGE)
    sluice("ls", "http://127.0.0.1:9/mcp", code=NO_SERVER)
    sluice("ls", "--", "/there/is/no/such/program", code=NO_SERVER)
    sluice("call", "http://127.0.0.1:9/mcp", "x", "--header", "nonsense", code=USAGE)
    sluice("ls", "--header", "X-A: b", "http://127.0.0.1:9/mcp", code=NO_SERVER)
    sluice("ls", "--no-such-option", code=USAGE)
    sluice("ls", "--era", "stone", "http://127.0.0.1:9/mcp", code=USAGE)


# A legacy server that shakes hands, knows no lists, and says nothing to a read.
MUTE_READS = r"""
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked or asked["method"] == "resources/read":
        continue
    answer = {"error": {"code": -32601, "message": "no"}}
    if asked["method"] == "initialize":
        answer = {"result": {"protocolVersion": "2025-11-25", "capabilities": {"resources": {}},
                             "serverInfo": {"name": "mute", "version": "1"}}}
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **answer}), flush=True)
"""


def waits_no_longer_than_it_is_told():
    reads_nothing, says_nothing = [sys.executable, "-c", MUTE_READS], [sys.executable, "-c", "import sys; sys.stdin.read()"]
    for rest in (["read", "--timeout", "1", "a://b"], ["read", "--timeout", "1", "--json", "a://b"]):
        _, err = sluice(*rest, "--", *reads_nothing, code=REFUSED, within=20)
        assert "in time" in err, err
    _, err = sluice("ls", "--timeout", "1", "--", *says_nothing, code=REFUSED, within=20)
    assert "in time" in err, err


def main():
    everything = str(binary("everything"))
    both = Server([everything, "--http", "127.0.0.1:0"])
    old = Server([everything, "--era", "legacy", "--http", "127.0.0.1:0"])
    legacy, modern = "2025-11-25", "2026-07-28"
    targets = {
        "http": (([], both.url), modern),
        "http, legacy server": (([], old.url), legacy),
        "http, pinned legacy": ((["--era", "legacy"], both.url), legacy),
        "command": (([], [everything]), modern),
        "command, legacy server": (([], [everything, "--era", "legacy"]), legacy),
        "command, modern server": (([], [everything, "--era", "modern"]), modern),
    }
    for name, (target, revision) in targets.items():
        case(f"{name}: ls lists", lists, target, revision)
        for action in (calls, tells_progress, fails, declines, reads, prompts):
            case(f"{name}: it {action.__name__}", action, target)
    case("what is wrong has its exit code", refuses)
    case("it waits no longer than it is told", waits_no_longer_than_it_is_told)
    for server in (both, old):
        tally.case("the fixture ends well", server.stop())
    tally.end()


if __name__ == "__main__":
    main()
