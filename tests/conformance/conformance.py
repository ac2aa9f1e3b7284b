#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The official conformance suite against the fixture, directly and through the gateway.

conformance.py [CELL...]       all cells when none is named      conformance.py --url URL    any running server

direct          examples/everything over HTTP
stdio, http     Sluice in front of it, as a child or over HTTP
legacy-stdio, legacy-http, modern-stdio, modern-http    the same with a fixture that speaks one era: the bridge
client          examples/everything_client against the servers that the suite plays
auth            examples/everything_client against the suite's authorization servers
A case is one demanded scenario; it passes when the suite wrote checks for it and none of them failed. What cannot pass in
a cell is in BASELINES: it has to fail there, so that a line that is out of date is seen.
"""
import concurrent.futures
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
# Not scored in the frozen set of 2026-07-28, demanded of us all the same; the suite skips tasks-status-notifications.
TASKS = {"tasks-lifecycle", "tasks-capability-negotiation", "tasks-wire-fields", "tasks-request-state-removal",
         "tasks-mrtr-input", "tasks-request-headers", "tasks-dispatch-and-envelope", "tasks-required-task-error",
         "tasks-mrtr-composition"}
DEMANDED = {"http-header-validation", "http-custom-header-server-validation"} | TASKS
SECONDS = 200
# A legacy server names no keys for its asks, so the bridge in front of it invents them; and where it is told what the client
# can do, it answers for itself when that is not enough, in its own words. A tool that it takes as a task only is run for clients
# without tasks, too, and asks in the task.
BASELINES = {"legacy": {"input-required-result-basic-elicitation", "server-stateless", "tasks-required-task-error",
                        "tasks-mrtr-composition"}}
CELLS = ("direct", "stdio", "http", "legacy-stdio", "legacy-http", "modern-stdio", "modern-http", "client", "auth")
# What the suite asks of clients, without authorization, by the revision it is asked in.
CLIENT_SCENARIOS = {
    "2025-11-25": ("initialize", "tools_call", "elicitation-sep1034-client-defaults", "sse-retry",
                   "json-schema-2020-12-preservation"),
    "2026-07-28": ("tools_call", "json-schema-2020-12-preservation", "request-metadata", "sep-2322-client-request-state",
                   "http-standard-headers", "http-custom-headers", "http-invalid-tool-headers", "json-schema-ref-no-deref"),
}
# How the suite is asked for authorization scenarios of a revision, and how many it then names.
AUTH = (
    ("2025-03-26", ["--spec-version", "2025-03-26"], 2),
    ("2025-11-25", ["--requirements", "2025-11-25"], 14),
    ("2026-07-28", ["--requirements", "2026-07-28"], 25),
)
# Of an extension, so in no revision's set.
AUTH_DEMANDED = ("auth/client-credentials-basic",)


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


def one_run(tally, title, url, arguments, scored_demanded, baseline=frozenset()):
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
        if scenario in baseline:
            tally.case(f"{name} {scenario} is in the baseline", None if failures else "it passes: take it out")
        elif scenario not in unscored or scenario in DEMANDED:
            scored += scenario not in unscored and not failures
            tally.case(f"{name} {scenario}", failures)
        elif failures:
            print(f"     not demanded and failing: {scenario}")
    print(f"{name}: {scored}/{scored_demanded} scored scenarios"
          + (f", {len(baseline)} cannot pass here" if baseline else ""))
    # The set is frozen: fewer scenarios than demanded means that the run broke off.
    ran = len(set(scenarios) - unscored)
    if ran != scored_demanded:
        tally.case(f"{name} is whole", f"{ran} scenarios ran, {scored_demanded} are in the set\n{done.stdout[-2000:]}")
    if arguments == ["--requirements", "2026-07-28"]:
        for scenario in DEMANDED - set(scenarios):
            tally.case(f"{name} {scenario}", "did not run")


def target(tally, title, url, servers=(), runs=RUNS, baselines=None):
    for arguments, scored in runs:
        one_run(tally, title, url, arguments, scored, (baselines or {}).get(arguments[-1], frozenset()))
    for server in reversed(servers):
        tally.case(f"{title}: {pathlib.Path(server.words[0]).name} ends well", server.stop())


def auth_scenarios(revision, arguments):
    """The scored scenarios of a set, as the suite lists them."""
    suite = npm_program("@modelcontextprotocol/conformance", "dist/index.js")
    listed = subprocess.run([*suite, "list", "--client", *arguments], stdout=subprocess.PIPE, text=True, timeout=SECONDS)
    demanded = listed.stdout.partition("Run and reported, but never scored")[0]
    found = re.findall(r"^  - (auth/\S+)", demanded, re.M)
    return [name for name in found if arguments[0] == "--requirements" or name.startswith(f"auth/{revision}")]


def auth_run(arguments, scenario):
    """What is wrong with one scenario; warnings count, for they are what a client should have done."""
    suite = npm_program("@modelcontextprotocol/conformance", "dist/index.js")
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run([*suite, "client", "--command", str(binary("everything_client")), "--scenario", scenario,
                                   *arguments, "-o", folder], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            return f"the suite took more than {SECONDS} s"
        checks = [check for path in pathlib.Path(folder).rglob("checks.json") for check in json.loads(path.read_text())]
        words = "".join(path.read_text() for path in pathlib.Path(folder).rglob("stderr.txt"))
    bad = [f"{check['id']}: {check['status']}: {check.get('description')}" for check in checks
           if check["status"] in ("FAILURE", "WARNING")]
    if not checks or done.returncode != 0 or bad:
        return "\n".join([*bad, words]) or done.stdout[-2000:]
    return None


def auth_set(tally, title, arguments, scenarios):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        complaints = list(pool.map(lambda name: auth_run(arguments, name), scenarios))
    passed = sum(tally.case(f"auth {title} {name}", complaint) for name, complaint in zip(scenarios, complaints))
    print(f"auth {title}: {passed}/{len(scenarios)} scenarios")


def auth_cell(tally):
    for revision, arguments, count in AUTH:
        scenarios = auth_scenarios(revision, arguments)
        if len(scenarios) != count:
            tally.case(f"auth {revision} is whole", f"{len(scenarios)} scenarios are listed, {count} are in the set")
        auth_set(tally, revision, ["--spec-version", revision], scenarios)
    auth_set(tally, "extensions", [], AUTH_DEMANDED)


def cell(tally, name):
    """Starts what the cell needs and runs the suite's sets against its last server."""
    if name == "auth":
        return auth_cell(tally)
    everything, here = binary("everything"), "127.0.0.1:0"
    era, _, way = name.rpartition("-")
    fixture = [everything, *(["--era", era] if era else [])]
    if way == "stdio":
        servers = [Server([binary("sluice"), "serve", "--http", here, "--", *fixture])]
    else:
        servers = [Server([*fixture, "--http", here])]
        if way == "http":
            servers.append(Server([binary("sluice"), "serve", "--http", here, servers[0].url]))
    runs = RUNS[:2] if era else RUNS
    target(tally, name, servers[-1].url, servers, runs, {"2026-07-28": BASELINES.get(era, frozenset())})


def client_cell(tally):
    """Each scenario by itself: the suite plays a server and judges what the client sends it."""
    suite = npm_program("@modelcontextprotocol/conformance", "dist/index.js")
    for revision, scenarios in CLIENT_SCENARIOS.items():
        for scenario in scenarios:
            name = f"client {revision} {scenario}"
            with tempfile.TemporaryDirectory() as folder:
                done = subprocess.run([*suite, "client", "--command", str(binary("everything_client")), "--scenario", scenario,
                                       "--spec-version", revision, "-o", folder], stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, timeout=SECONDS)
                checks = [check for path in pathlib.Path(folder).rglob("checks.json") for check in json.loads(path.read_text())]
            failures = failures_of(checks)
            if not checks or (done.returncode != 0 and not failures):
                failures = f"exit {done.returncode}, {len(checks)} checks\n{done.stdout[-2000:]}"
            tally.case(name, failures or None)


def main(names):
    tally = Tally()
    if names[:1] == ["--url"]:
        target(tally, names[1], names[1])
        tally.end()
    if set(names) - set(CELLS):
        sys.exit(__doc__)
    for name in names or CELLS:
        client_cell(tally) if name == "client" else cell(tally, name)
    tally.end()


if __name__ == "__main__":
    main(sys.argv[1:])
