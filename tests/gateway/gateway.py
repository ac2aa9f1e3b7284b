#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A conformance kit for MCP gateways: what any gateway has to do with the protocol, as chapters of cases whose names are
sentences. Black box: it starts the gateway and the upstreams, speaks to the one and asks the others what arrived.

gateway.py [--gateway sluice|mcp-proxy|supergateway] [CHAPTER…]
gateway.py --command 'GATEWAY --port {port} -- {words}' --offers stdio,bridge      any gateway that a command starts
gateway.py --url http://127.0.0.1:8080/mcp --upstream 127.0.0.1:9001 --era legacy  one that runs, in front of that address

{words} is the command of the upstream, {command} the same as one word of shell, {url} that of an HTTP upstream. --only TEXT
runs the cases whose title has it; --table prints the rows of docs/scoreboard.md; --list reads as a specification.
"""
import argparse
import concurrent.futures
import importlib
import inspect
import pathlib
import shlex
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
import gateways  # noqa: E402
from desk import Desk  # noqa: E402
from kit import ERAS, FEDERATED, Scene, lone  # noqa: E402
from known import KNOWN  # noqa: E402

CHAPTERS = ("handshake", "tools", "resources", "prompts", "envelopes", "running", "asks", "news", "streams",
            "habits", "federation", "stragglers", "principals")


class Score:
    """Counts by chapter, and says what failed at once. Any thread."""

    def __init__(self, adapter):
        self.adapter, self.rows, self.lock = adapter, {}, threading.Lock()
        self.known = KNOWN if adapter.name == "sluice" else {}

    def count(self, chapter, what):
        row = self.rows.setdefault(chapter, {"passed": 0, "failed": 0, "known": 0, "not offered": 0})
        row[what] += 1

    def not_offered(self, chapter):
        with self.lock:
            self.count(chapter, "not offered")

    def case(self, chapter, title, complaint, said=""):
        reason = self.known.get(title)
        with self.lock:
            if complaint and reason:
                print(f"note: known to fail: {title}: {reason}", flush=True)
                self.count(chapter, "known")
                return
            if reason:
                complaint = f"passes, and known.py says that it fails: {reason}"
            self.count(chapter, "failed" if complaint else "passed")
            if complaint:
                print("\n     ".join([f"FAIL {title}", *str(complaint).splitlines(), *said.splitlines()]), flush=True)

    def total(self, what):
        return sum(row[what] for row in self.rows.values())


def run_case(case, world, place):
    """The complaint of one case in one place, or None."""
    scene = Scene(world, *place)
    try:
        complaint = case.check(scene)
    except Exception as problem:  # a case that cannot go on has failed
        complaint = f"{type(problem).__name__}: {problem}"
        line = problem.__traceback__
        while line.tb_next:
            line = line.tb_next
        complaint += f" ({pathlib.Path(line.tb_frame.f_code.co_filename).name}:{line.tb_lineno})"
    return "\n".join([*([complaint] if complaint else []), *scene.end()]) or None


def serves(world, place):
    """Whether the gateway can still do what is simplest."""
    scene = Scene(world, *place)
    try:
        return scene.user().ask("tools/list", seconds=2 * world.patience).result is not None
    except (OSError, ValueError):
        return False
    finally:
        scene.end()


def places(chapters, options):
    """All runs, by the world they share: world's key -> [(case, place, title)]."""
    worlds = {}
    for chapter in chapters:
        for case in chapter.cases:
            federation = chapter.world in FEDERATED
            for client in case.client:
                for server in ("mixed",) if federation else case.server:
                    for over in ("mixed",) if federation else case.over:
                        title = case.title(client, server, over)
                        if options.only in title and options.era in (None, server):
                            worlds.setdefault((chapter.world, server, over, case.odd), []).append((case, (client, server, over), title))
    return worlds


def run_world(key, runs, desk, score, options):
    """All runs that share a world, one after the other."""
    kind, server, over, odd = key
    adapter = score.adapter
    offered = [(case, place, title) for case, place, title in runs if case.needs(place[0], server, over) <= adapter.offers]
    for case, place, _ in runs:
        if not case.needs(place[0], server, over) <= adapter.offers:
            score.not_offered(case.chapter.title)
    if not offered:
        return
    try:
        world = FEDERATED[kind](desk, adapter, options.patience) if kind in FEDERATED else \
            lone(desk, adapter, server, over, options.patience, kind == "principals", odd)
    except (OSError, SystemExit) as trouble:
        for case, _, title in offered:
            score.case(case.chapter.title, title, f"the gateway did not start: {trouble}")
        return
    for case, place, title in offered:
        began = time.monotonic()
        complaint = run_case(case, world, place)
        score.case(case.chapter.title, title, complaint, world.gateway.said())
        if complaint and not serves(world, place):
            world.restart()  # one failure is not to be counted many times
        if options.times:
            print(f"{time.monotonic() - began:6.2f} s {title}", flush=True)
    ended = world.stop()
    if ended:
        score.case(offered[-1][0].chapter.title, f"the gateway ends well [{kind}, {server} server, {over}]", ended)


def run(adapter, chapters, options):
    """The worlds know nothing of each other, so several are run at a time; the longest first."""
    desk, score = Desk(), Score(adapter)
    worlds = sorted(places(chapters, options).items(), key=lambda item: (item[0][0] not in FEDERATED, -len(item[1])))
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for done in [pool.submit(run_world, key, runs, desk, score, options) for key, runs in worlds]:
            done.result()
    return score


def chosen(options):
    if options.command:
        return gateways.Template("command", shlex.split(options.command), set(options.offers.split(",")))
    if options.url:
        return gateways.Running(options.url, options.upstream, options.era)
    return gateways.known(options.gateway)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gateway", default="sluice")
    parser.add_argument("--command")
    parser.add_argument("--offers", default="stdio")
    parser.add_argument("--url")
    parser.add_argument("--upstream", default="127.0.0.1:9001")
    parser.add_argument("--era", choices=ERAS)
    parser.add_argument("--only", default="")
    parser.add_argument("--patience", type=float, default=10, help="seconds to wait for what has to come")
    parser.add_argument("--jobs", type=int, default=4, help="worlds at a time")
    parser.add_argument("--times", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("chapters", nargs="*", choices=[[], *CHAPTERS], metavar="CHAPTER")
    options = parser.parse_args()
    chapters = [importlib.import_module("chapter_" + name).chapter for name in options.chapters or CHAPTERS]
    if options.list:
        for chapter in chapters:
            print("\n".join([f"{chapter.title}: {inspect.getdoc(importlib.import_module('chapter_' + chapter.title))}",
                             *(f"  {case.sentence}" for case in chapter.cases)]))
        return 0
    score = run(chosen(options), chapters, options)
    if options.table:
        for chapter in chapters:
            row = score.rows[chapter.title]
            print(f"| {chapter.title} | {row['passed']} | {row['failed'] + row['known']} | {row['not offered']} |")
    print(f"{score.total('passed')} passed, {score.total('failed')} failed")
    return 1 if score.total("failed") else 0


if __name__ == "__main__":
    sys.exit(main())
