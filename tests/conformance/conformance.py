#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The official conformance suite against the fixture, directly and through the gateway.

conformance.py [direct] [stdio] [http]     all three when none is named
conformance.py --url URL                   any running server

direct  examples/everything over HTTP       stdio  Sluice in front of it as a child
http    Sluice in front of it over HTTP
A case is one demanded scenario; it passes when the suite wrote checks for it and none of them failed.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from toolbox import Server, Tally, binary, npm_program  # noqa: E402

# Arguments of the suite, and how many scenarios that run must score.
RUNS = (
    (["--requirements", "2025-11-25"], 30),
    (["--requirements", "2026-07-28"], 37),
    (["--suite", "all", "--spec-version", "2025-03-26"], 1),
    (["--suite", "all", "--spec-version", "2025-06-18"], 27),
)
# Not scored in the frozen set of 2026-07-28, demanded of us all the same.
DEMANDED = {"http-header-validation", "http-custom-header-server-validation"}
SECONDS = 200


def scenarios_of(folder):
    """Checks by scenario, from the folders `server-SCENARIO-TIME` that the suite writes."""
    found = {}
    for path in pathlib.Path(folder).glob("*/checks.json"):
        name = re.sub(r"^server-(.*)-\d{4}-\d\d-\d\dT.*$", r"\1", path.parent.name)
        found[name] = json.loads(path.read_text())
    return found


def failures_of(checks):
    bad = [check for check in checks if check["status"] == "FAILURE"]
    return "\n".join(f"{check['id']}: {check.get('errorMessage', check.get('description'))}" for check in bad)


def one_run(tally, title, url, arguments, scored_demanded):
    name = f"{title} {arguments[-1]}"
    suite = npm_program("@modelcontextprotocol/conformance", "dist/index.js")
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run([*suite, "server", "--url", url, *arguments, "-o", folder], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            tally.case(name, f"the suite took more than {SECONDS} s")
            return
        scenarios = scenarios_of(folder)
    unscored = set(re.findall(r"^  [✓✗] (\S+) \(", done.stdout.partition("\nNot scored for")[2], re.M))
    scored = 0
    for scenario, checks in sorted(scenarios.items()):
        failures = failures_of(checks)
        if scenario not in unscored:
            scored += not failures
        if scenario not in unscored or scenario in DEMANDED:
            tally.case(f"{name} {scenario}", failures)
        elif failures:
            print(f"     not demanded and failing: {scenario}")
    print(f"{name}: {scored}/{scored_demanded} scored scenarios")
    # The set is frozen: fewer scenarios than demanded means that the run broke off.
    ran = len(set(scenarios) - unscored)
    if ran != scored_demanded:
        tally.case(f"{name} is whole", f"{ran} scenarios ran, {scored_demanded} are in the set\n{done.stdout[-2000:]}")
    if arguments == ["--requirements", "2026-07-28"]:
        for scenario in DEMANDED - set(scenarios):
            tally.case(f"{name} {scenario}", "did not run")


def target(tally, title, url, servers=()):
    for arguments, scored in RUNS:
        one_run(tally, title, url, arguments, scored)
    for server in reversed(servers):
        tally.case(f"{title}: {pathlib.Path(server.words[0]).name} ends well", server.stop())


def main(names):
    tally = Tally()
    if names[:1] == ["--url"]:
        target(tally, names[1], names[1])
        tally.end()
    unknown = set(names) - {"direct", "stdio", "http"}
    if unknown:
        sys.exit(__doc__)
    everything, here = binary("everything"), "127.0.0.1:0"
    for name in names or ["direct", "stdio", "http"]:
        if name == "stdio":
            servers = [Server([binary("sluice"), "serve", "--http", here, "--", everything])]
        else:
            servers = [Server([everything, "--http", here])]
            if name == "http":
                servers.append(Server([binary("sluice"), "serve", "--http", here, servers[0].url]))
        target(tally, name, servers[-1].url, servers)
    tally.end()


if __name__ == "__main__":
    main(sys.argv[1:])
