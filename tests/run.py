#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The one driver of every test: named steps, each with a time limit, counted, none skipped in silence.

run.py            the steps that every change must pass (build to typescript)
run.py --all      those and more cells of the suite, the other strangers, the sanitizers, lint, fuzzing, the benchmark smoke
run.py NAME...    these steps only         run.py --list    the names

A step is a function of this file that runs commands through Step.run and counts cases. Output goes to
build/test-logs/STEP.log; of a failure the end is printed, success is one line. The last line is `N passed, N failed`.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
LOGS = ROOT / "build" / "test-logs"
TESTS = ROOT / "tests"
COUNT = re.compile(r"(\d+) passed, (\d+) failed")
PRINTED_LINES = 100  # of one failure
CORES = str(os.cpu_count() or 2)


class StepFailed(Exception):
    """A command of the step failed in a way that no count of cases expresses."""


class Step:
    """One named step while it runs: its log, what is left of its time, its counts, its failures in full."""

    def __init__(self, name, seconds):
        self.name, self.seconds = name, seconds
        self.started = time.monotonic()
        self.passed = self.failed = 0
        self.failures, self.notes = [], []
        self.log = open(LOGS / f"{name}.log", "w", encoding="utf-8", errors="replace")

    def run(self, *command, env=None, cwd=ROOT, seconds=None):
        """Runs a command to its end; returns (exit code, output). Its process group dies with it or at the limit."""
        left = self.seconds - (time.monotonic() - self.started)
        if seconds:
            left = min(left, seconds)
        command = [str(word) for word in command]
        self.log.write("$ " + " ".join(command) + "\n")
        self.log.flush()
        child = subprocess.Popen(command, cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            output = child.communicate(timeout=max(left, 1))[0].decode(errors="replace")
            code = child.returncode
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            output = child.communicate()[0].decode(errors="replace") + f"\nkilled: over the time limit of {self.seconds} s\n"
            code = -9
        try:
            os.killpg(child.pid, signal.SIGKILL)  # What it left behind in its group.
        except ProcessLookupError:
            pass
        self.log.write(output + f"\n[exit {code}]\n")
        self.log.flush()
        return code, output

    def must(self, *command, **options):
        """Runs a command without cases of its own, which has to succeed."""
        code, output = self.run(*command, **options)
        if code != 0:
            raise StepFailed(f"$ {' '.join(map(str, command))}\n{output}\n[exit {code}]")
        return output

    def count(self, *command, **options):
        """Runs a command whose output says `N passed, N failed` and adds those cases."""
        code, output = self.run(*command, **options)
        counts = COUNT.findall(output)
        passed, failed = map(int, counts[-1]) if counts else (0, 0)
        self.passed += passed
        self.failed += failed or (1 if code != 0 or not counts else 0)
        if code != 0 or failed or not counts:
            self.failures.append(f"$ {' '.join(map(str, command))}\n{output}\n[exit {code}]")
        self.notes += re.findall(r"^note: (.*)$", output, re.M)

    def one(self, what, *command, **options):
        """Runs a command that is one case by itself."""
        code, output = self.run(*command, **options)
        self.passed += code == 0
        self.failed += code != 0
        if code != 0:
            self.failures.append(f"{what}\n{output}\n[exit {code}]")


def configure_and_build(step, preset, *targets, options=()):
    # What ccache must overlook to take files that use a precompiled header (SLUICE_PCH).
    cached = {"SLUICE_COMPILER_LAUNCHER": "ccache", "CCACHE_SLOPPINESS": "pch_defines,time_macros"}
    env = cached if shutil.which("ccache") else {}
    step.must("cmake", "--preset", preset, *options, env=env)
    step.must("cmake", "--build", f"build/{preset}", "--target", *(targets or ("all",)), env=env)


def unit_programs(preset):
    """Every room has tests: a room whose program is missing is an error, not a silence."""
    rooms = sorted({path.parent.name for path in (ROOT / "src").glob("*/*_test.cc")})
    return [ROOT / "build" / preset / "bin" / f"{room}_test" for room in rooms]


def run_gtest(step, programs, env=None, arguments=()):
    for program in programs:
        if not program.exists():
            raise StepFailed(f"{program} was not built")
        with tempfile.NamedTemporaryFile(suffix=".json") as report:
            code, output = step.run(program, f"--gtest_output=json:{report.name}", "--gtest_brief=1", *arguments, env=env)
            try:
                result = json.load(open(report.name))
            except ValueError:
                result = {"tests": 0, "failures": 1, "disabled": 0}
        failed = result["failures"] + result.get("errors", 0)
        step.passed += result["tests"] - failed - result["disabled"]
        step.failed += failed or (code != 0)
        if code != 0 or failed:
            step.failures.append(f"{program.name}\n{output}\n[exit {code}]")
        step.notes += re.findall(r"^note: (.*)$", output, re.M)


def build(step):
    configure_and_build(step, "release", options=["-DSLUICE_TESTS=ON", "-DSLUICE_PCH=ON"])
    step.passed += 1


def unit(step):
    run_gtest(step, unit_programs("release"), env={"SLUICE_SHARED_DATA": shared_data(step)})


def tidy(step):
    step.one("tidy_test.py", sys.executable, TESTS / "tidy" / "tidy_test.py")
    step.count(sys.executable, TESTS / "tidy" / "tidy.py")


def simulation(step):
    run_gtest(step, [ROOT / "build/release/bin/sim_test"])


def system(step):
    """Tests of whole processes, as a user starts them: each tests/system/NAME_test.py says `N passed, N failed`."""
    run_system(step, binaries("release"))


def vectors(step, preset="release", options=None):
    """Our codecs from outside: raw requests against `testee`, and foreign texts that the probes judge."""
    env = {**binaries(preset), **(options or {})}
    data = shared_data(step)
    step.count(sys.executable, TESTS / "http1" / "h1_cases.py", env=env)
    step.count(sys.executable, TESTS / "probes" / "probes.py", *([f"{data}/json-parsing/test_parsing"] if data else []), env=env)


def schemas(step):
    """What our server writes, by the schema of each revision."""
    data = shared_data(step)
    if not data:
        step.passed += 1  # said as a note; the data is not ours to ship
        return
    step.count(sys.executable, TESTS / "schemas" / "schemas_test.py", f"{data}/mcp-schema", env=binaries("release"))


def install(step):
    step.count(sys.executable, TESTS / "install" / "install_test.py", ROOT / "build/release")


def conformance(step):
    step.count(sys.executable, TESTS / "conformance" / "conformance.py", env=binaries("release"))


def cells(step):
    """The suite in front of servers on the official SDKs, and with the gateway in front of the suite."""
    step.count(sys.executable, TESTS / "conformance" / "conformance.py", "more", env=binaries("release"))


def gateway(step):
    """The conformance kit for gateways, with ours."""
    step.count(sys.executable, TESTS / "gateway" / "gateway.py", env=binaries("release"))


def typescript(step):
    step.count(sys.executable, TESTS / "strangers" / "strangers.py", "typescript", env=binaries("release"))


def strangers(step):
    step.count(sys.executable, TESTS / "strangers" / "strangers.py", "python", "go", "rust", env=binaries("release"))


def run_system(step, env):
    """Side by side: they wait more than they work."""
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda script: step.count(sys.executable, script, env=env), sorted((TESTS / "system").glob("*_test.py"))))


def sanitized(step, preset, options):
    """Builds with a sanitizer and runs every unit test and the simulation."""
    configure_and_build(step, preset, options=["-DSLUICE_PCH=ON"])
    run_gtest(step, [*unit_programs(preset), ROOT / f"build/{preset}/bin/sim_test"],
              env={**options, "SLUICE_SHARED_DATA": shared_data(step)})


def asan(step):
    options = {"ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
               "UBSAN_OPTIONS": "print_stacktrace=1"}
    sanitized(step, "asan", options)
    run_system(step, {**binaries("asan"), **options})
    vectors(step, "asan", options)


def tsan(step):
    options = {"TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1"}
    sanitized(step, "tsan", options)
    run_system(step, {**binaries("tsan"), **options})


def lint(step):
    step.one("clang-format", "clang-format-14", "--dry-run", "-Werror", *sources())
    build_dir = ROOT / "build" / "lint"
    step.must("cmake", "--preset", "dev", "-B", build_dir, "-DCMAKE_CXX_COMPILER=clang++-14")
    step.one("every header compiles alone", "cmake", "--build", build_dir, "--target", "headers")
    step.one("clang-tidy", "run-clang-tidy-14", "-quiet", "-p", build_dir, "-j", CORES, f"^{ROOT}/(src|examples)/(?!.*_test\\.cc)")


def fuzz(step):
    names = sorted(path.stem for path in (ROOT / "fuzz").glob("*_fuzz.cc"))
    configure_and_build(step, "fuzz", *names)

    def one(name):
        with tempfile.TemporaryDirectory() as grown:
            seeds = ROOT / "fuzz" / "corpus" / name.removesuffix("_fuzz")
            step.one(name, ROOT / "build/fuzz/bin" / name, grown, *([seeds] if seeds.is_dir() else []), "-max_total_time=60",
                     "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={LOGS}/", "-verbosity=0")
    with concurrent.futures.ThreadPoolExecutor(int(CORES)) as pool:  # a target keeps one core busy
        list(pool.map(one, names))


def benchmark(step):
    """Shows that the benchmarks run; what they say on a shared machine is no figure."""
    configure_and_build(step, "release", options=["-DSLUICE_BENCH=ON"])
    for program in sorted((ROOT / "build/release/bin").glob("*_bench")):
        step.one(program.name, program, "--benchmark_min_time=0.01")
    step.count(sys.executable, ROOT / "bench" / "compare.py", "--smoke", env=binaries("release"))
    step.one("lists.py", sys.executable, ROOT / "bench" / "lists.py", "--upstreams", "2", "--tools", "3", "--callers", "2", env=binaries("release"))


def binaries(preset):
    return {"SLUICE_BIN": str(ROOT / "build" / preset / "bin")}


def shared_data(step):
    data = ROOT.parent / "shared" / "data"
    if not data.is_dir():
        step.notes.append("../shared/data is not here: the foreign vectors in it were not run")
        return ""
    return str(data)


def sources():
    folders = ("src", "examples", "fuzz", "bench", "tests")
    return sorted(p for folder in folders for p in (ROOT / folder).rglob("*") if p.suffix in (".h", ".cc"))


# Name, limit in seconds, and whether every change runs it or only --all.
STEPS = ((build, 1200, True), (unit, 180, True), (tidy, 60, True), (simulation, 120, True), (system, 600, True),
         (vectors, 120, True), (schemas, 180, True), (install, 180, True), (conformance, 300, True), (gateway, 300, True),
         (typescript, 240, True),
         (cells, 1500, False), (strangers, 900, False), (lint, 1800, False), (asan, 2100, False), (tsan, 2100, False),
         (fuzz, 1200, False), (benchmark, 300, False))


def perform(function, seconds):
    step = Step(function.__name__, seconds)
    try:
        function(step)
        if step.passed + step.failed == 0:
            raise StepFailed("no case ran")
    except (StepFailed, OSError) as trouble:
        step.failed += 1
        step.failures.append(str(trouble))
    took = time.monotonic() - step.started
    for failure in step.failures:
        lines = failure.rstrip().splitlines()
        early = [line for line in lines[1:-PRINTED_LINES] if re.search(r"FAIL|error:", line)][:PRINTED_LINES]
        cut = [lines[0], *early, f"… the rest is in {step.log.name} …"] if len(lines) > PRINTED_LINES else []
        print("\n".join([f"---- {step.name}", *cut, *lines[-PRINTED_LINES:], "----"]))
    for note in dict.fromkeys(step.notes):
        print(f"     note: {note}")
    print(f"{'ok  ' if not step.failed else 'FAIL'} {step.name:12} {step.passed:5} cases pass, {step.failed} fail, {took:.0f} s",
          flush=True)
    return step.passed, step.failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("names", nargs="*", choices=[[], *(f.__name__ for f, _, _ in STEPS)], metavar="NAME")
    options = parser.parse_args()
    if options.list:
        print("\n".join(f"{f.__name__:12} {limit:5} s at most{'' if always else '   (--all)'}" for f, limit, always in STEPS))
        return 0
    LOGS.mkdir(parents=True, exist_ok=True)
    passed = failed = 0
    for function, seconds, always in STEPS:
        if function.__name__ in options.names or (not options.names and (always or options.all)):
            counts = perform(function, seconds)
            passed, failed = passed + counts[0], failed + counts[1]
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
