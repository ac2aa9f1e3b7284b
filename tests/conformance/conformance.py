#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The official conformance suite against the fixture, directly and through the gateway.

conformance.py [CELL...]       without CELL those of the first table      conformance.py --url URL    any running server

direct          examples/everything over HTTP
stdio, http     Sluice in front of it, as a child or over HTTP
legacy-stdio, legacy-http, modern-stdio, modern-http    the same with a fixture that speaks one era: the bridge
client          examples/everything_client against the servers that the suite plays
auth            examples/everything_client against the suite's authorization servers

`conformance.py more` runs those of the second:
between             the cell `client` with Sluice between the client and the servers that the suite plays
between-eras        the same, and the client speaks the other era
superset-stdio, superset-http       the legacy fixture that is told that every client can be asked everything
ts1, ts1-stdio, ts1-http            fixture_v1.mjs on the TypeScript SDK 1.x, which is legacy: by itself, and behind Sluice
ts1-superset-stdio, ts1-superset-http
ts2, ts2-stdio, ts2-http            fixture_v2.mjs on the TypeScript SDK 2.x, in both eras
ts2-modern, ts2-modern-stdio, ts2-modern-http    the same, in the modern era only

A case is one demanded scenario; it passes when the suite wrote checks for it and none of them failed. What cannot pass in
a cell is in its baseline (UPSTREAMS): it has to fail there, so that a line that is out of date is seen.
"""
import concurrent.futures
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
from collections import namedtuple

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from toolbox import Server, Tally, binary, node_script, npm_program  # noqa: E402

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
DEMANDED = {"http-header-validation", "http-custom-header-server-validation"}
SECONDS = 400
# What cannot pass in the set of 2026-07-28 where the server is a legacy one. A line is a scenario, or one check of it.
# A legacy server names no keys for its asks, so the bridge in front of it invents them.
NO_KEYS = {"input-required-result-basic-elicitation"}
# Told what the client can do, a legacy server answers for itself when that is not enough, in its own words, where -32021 is due.
# Told that it can do everything, it asks, and the bridge refuses the question with that; but our fixture's tool asks nothing.
OWN_WORDS = {"server-stateless:sep-2575-server-rejects-undeclared-capability",
             "server-stateless:sep-2575-missing-capability-http-400"}
# A tool that a legacy server takes as a task only is run for clients without tasks, too, and asks in the task.
TASKS_INLINE = {"tasks-required-task-error", "tasks-mrtr-composition"}
OURS, TS1, TS2 = "everything", "fixture_v1.mjs", "fixture_v2.mjs"
# What a cell runs: which fixture in which era (none: both), and what the gateway's configuration says of it.
Upstream = namedtuple("Upstream", "program era settings baseline", defaults=(None, {}, frozenset()))
TELLS_ALL = {"capabilities": "superset"}
UPSTREAMS = {
    "": Upstream(OURS),
    "legacy": Upstream(OURS, "legacy", {}, NO_KEYS | OWN_WORDS | TASKS_INLINE),
    "modern": Upstream(OURS, "modern"),
    "superset": Upstream(OURS, "legacy", TELLS_ALL, NO_KEYS | OWN_WORDS | TASKS_INLINE),
    "ts1": Upstream(TS1, "legacy", {}, NO_KEYS | OWN_WORDS),
    "ts1-superset": Upstream(TS1, "legacy", TELLS_ALL, NO_KEYS),
    "ts2": Upstream(TS2),
    "ts2-modern": Upstream(TS2, "modern"),
}
CELLS = ("direct", "stdio", "http", "legacy-stdio", "legacy-http", "modern-stdio", "modern-http", "client", "auth")
MORE_CELLS = ("between", "between-eras", "superset-stdio", "superset-http", "ts1", "ts1-stdio", "ts1-http",
              "ts1-superset-stdio", "ts1-superset-http", "ts2", "ts2-stdio", "ts2-http", "ts2-modern",
              "ts2-modern-stdio", "ts2-modern-http")
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


def against_baseline(checks, scenario, lines):
    """What a scenario with lines in the baseline is to be blamed for: other failures than those, and lines that are stale."""
    if scenario in lines:
        return None if failures_of(checks) else "it passes: take it out"
    listed = {line.partition(":")[2] for line in lines if line.startswith(scenario + ":")}
    stale = listed - {check["id"] for check in checks if check["status"] == "FAILURE"}
    passes = [f"{check} passes: take it out" for check in sorted(stale)]
    return "\n".join(filter(None, [*passes, failures_of(check for check in checks if check["id"] not in listed)]))


def one_run(tally, title, url, run, demanded=frozenset(), baseline=frozenset()):
    arguments, scored_demanded = run
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
        if scenario in {line.partition(":")[0] for line in baseline}:
            tally.case(f"{name} {scenario} is in the baseline", against_baseline(checks, scenario, baseline))
        elif scenario not in unscored or scenario in demanded:
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
        for scenario in demanded - set(scenarios):
            tally.case(f"{name} {scenario}", "did not run")


def target(tally, title, url, servers=(), runs=RUNS, demanded=DEMANDED | TASKS, baseline=frozenset()):
    for run in runs:
        one_run(tally, title, url, run, demanded, baseline if run[0][-1] == "2026-07-28" else frozenset())
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


def behind_sluice(file, settings):
    """The gateway in front of what `settings` say of one upstream."""
    file.write_text(json.dumps({"listen": {"http": "127.0.0.1:0"}, "upstreams": {"fixture": settings},
                                "routes": [{"path": "/mcp", "upstreams": ["fixture"]}]}))
    return Server([binary("sluice"), "serve", "-c", file])


def cell(tally, name):
    """Starts what the cell needs and runs the suite's sets against its last server."""
    kind, _, way = name.rpartition("-") if name.endswith(("stdio", "http")) else (name.removeprefix("direct"), "", "")
    upstream = UPSTREAMS[kind]
    ours = upstream.program == OURS
    words = [binary(OURS)] if ours else node_script(HERE / upstream.program, HERE / "fixture.mjs")
    words += ["--era", upstream.era] if upstream.era and upstream.program != TS1 else []
    sets = RUNS if kind == "" else RUNS[:2]
    if not way and upstream.era:  # by itself, with no bridge: what is of its era
        sets = [run for run in sets if ("2026" in run[0][-1]) == (upstream.era == "modern")]
    with tempfile.TemporaryDirectory() as folder:
        servers = [] if way == "stdio" else [Server([*words, "--http", *(["127.0.0.1:0"] if ours else [])])]
        if way:
            where = {"stdio": words} if way == "stdio" else {"url": servers[0].url}
            if way == "stdio" and not ours:
                where["pool"] = {"min": 2}  # Node is slow to start, and some checks wait for 600 ms
            servers.append(behind_sluice(pathlib.Path(folder, "sluice.yaml"), {**where, **upstream.settings}))
        target(tally, name, servers[-1].url, servers, sets, DEMANDED | (TASKS if ours else set()), upstream.baseline)


def client_cell(tally, title="client", command=None):
    """Each scenario by itself: the suite plays a server and judges what the client sends it."""
    suite = npm_program("@modelcontextprotocol/conformance", "dist/index.js")
    for revision, scenarios in CLIENT_SCENARIOS.items():
        for scenario in scenarios:
            name = f"{title} {revision} {scenario}"
            with tempfile.TemporaryDirectory() as folder:
                done = subprocess.run([*suite, "client", "--command", command or binary("everything_client"), "--scenario",
                                       scenario, "--spec-version", revision, "-o", folder], stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, timeout=SECONDS)
                checks = [check for path in pathlib.Path(folder).rglob("checks.json") for check in json.loads(path.read_text())]
            failures = failures_of(checks)
            if not checks or (done.returncode != 0 and not failures):
                failures = f"exit {done.returncode}, {len(checks)} checks\n{done.stdout[-2000:]}"
            tally.case(name, failures or None)


def between_cell(tally, title="between", *options):
    """The same scenarios with the gateway in between, so that the suite judges what Sluice sends for its client."""
    client_cell(tally, title, shlex.join([sys.executable, str(HERE / "between.py"), *options]))


def between_eras_cell(tally):
    between_cell(tally, "between-eras", "--other-era")


def main(names):
    tally = Tally()
    if names[:1] == ["--url"]:
        target(tally, names[1], names[1])
        tally.end()
    names = MORE_CELLS if names == ["more"] else names or CELLS
    if set(names) - set(CELLS + MORE_CELLS):
        sys.exit(__doc__)
    for name in names:
        special = {"client": client_cell, "between": between_cell, "between-eras": between_eras_cell, "auth": auth_cell}
        special.get(name, lambda tally: cell(tally, name))(tally)
    tally.end()


if __name__ == "__main__":
    main(sys.argv[1:])
