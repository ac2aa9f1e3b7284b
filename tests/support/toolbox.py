# SPDX-License-Identifier: Apache-2.0
"""What the tests of whole processes share: foreign tools fetched once into a cache outside the tree, programs that
serve on a port they choose and say so, and a tally whose last line is `N passed, N failed`.

The cache is ~/.cache/sluice (or $SLUICE_CACHE); a folder in it is named after the manifest it was made from, so a
changed pin makes a new one. Versions are pinned by the manifests in tests/npm and tests/strangers.
"""
import atexit
import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("SLUICE_CACHE") or pathlib.Path.home() / ".cache" / "sluice")


def binary(name):
    """A program of ours, from $SLUICE_BIN (the release build unless said otherwise)."""
    path = pathlib.Path(os.environ.get("SLUICE_BIN") or ROOT / "build/release/bin").resolve() / name
    if not path.exists():
        sys.exit(f"{path} is not built")
    return str(path)


def fetched(kind, manifests, fill):
    """The cache folder for these manifest files, filled by `fill(folder)` when it is new."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in manifests)).hexdigest()[:12]
    folder = CACHE / f"{kind}-{digest}"
    if not (folder / ".complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for path in manifests:
            shutil.copy(path, folder)
        fill(folder)
        (folder / ".complete").touch()
    return folder


def command(*words, **options):
    done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"$ {' '.join(map(str, words))}\n{done.stdout}\n[exit {done.returncode}]")
    return done.stdout


def needs(program, why):
    found = shutil.which(program)
    if not found:
        sys.exit(f"{program} is missing: {why}")
    return found


def npm():
    """The folder with node_modules of tests/npm, its own Node 22 included."""
    needs("npm", "install Debian's npm, or Node")
    here = ROOT / "tests" / "npm"
    return fetched("npm", [here / "package.json", here / "package-lock.json"],
                   lambda folder: command("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error", cwd=folder))


def node():
    return str(npm() / "node_modules" / ".bin" / "node")


def npm_program(package, script):
    return [node(), str(npm() / "node_modules" / package / script)]


def node_script(path, *imported):
    """Command for one of our .mjs programs; it runs from a copy below node_modules's folder, where its imports resolve, with
    the files that it imports beside it."""
    files = [pathlib.Path(file) for file in (path, *imported)]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]
    folder = npm() / f"{files[0].stem}-{digest}"
    if not folder.exists():
        part = pathlib.Path(tempfile.mkdtemp(dir=npm()))
        for file in files:
            shutil.copy(file, part)
        try:
            os.rename(part, folder)
        except OSError:  # another process was faster
            shutil.rmtree(part)
    return [node(), str(folder / files[0].name)]


class Server:
    """A program that serves: started on a port of its choice, known from its line `listening on URL`."""

    def __init__(self, words, env=None, seconds=60):
        self.words = [str(word) for word in words]
        self.lines, self.url = [], None
        self._said = threading.Event()
        self.process = subprocess.Popen(self.words, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
                                        text=True, errors="replace")
        threading.Thread(target=self._read, daemon=True).start()
        atexit.register(self.stop)
        self._said.wait(seconds)
        if not self.url:
            self.stop()
            sys.exit(f"$ {' '.join(self.words)}\n{self.output()}\ndid not say `listening on URL` within {seconds} s")

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line)
            del self.lines[:-400]
            match = None if self.url else re.match(r"listening on (\S+)", line)
            if match:
                self.url = match[1]
                self._said.set()
        self._said.set()

    def output(self):
        return "".join(self.lines[-60:])

    def child(self, word):
        """The pid of a child of this process whose command line has `word` in it."""
        pid = self.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return next(int(child) for child in children
                    if word.encode() in pathlib.Path(f"/proc/{child}/cmdline").read_bytes())

    def stop(self):
        """Asks it to stop as an operator does; returns a complaint, or None when it ended well."""
        complaint = None
        if self.process.poll() is not None:
            complaint = f"ended by itself with {self.process.returncode}" if not hasattr(self, "stopped") else None
        else:
            self.process.send_signal(signal.SIGTERM)
            try:
                if self.process.wait(20) not in (0, -signal.SIGTERM):
                    complaint = f"ended with {self.process.returncode} on SIGTERM"
            except subprocess.TimeoutExpired:
                complaint = "did not end within 20 s of SIGTERM"
        self.stopped = True
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        return complaint and f"$ {' '.join(self.words)}\n{self.output()}\n{complaint}"


class Tally:
    """Cases as they pass or fail; a failure is told at once and whole."""

    def __init__(self):
        self.passed = self.failed = 0

    def case(self, name, complaint=None):
        if complaint:
            self.failed += 1
            print(f"FAIL {name}\n     " + str(complaint).rstrip().replace("\n", "\n     "), flush=True)
        else:
            self.passed += 1
        return not complaint

    def checks(self, name, start):
        """A decorator: runs the function with the fixture that `start` makes. What it returns or raises is the complaint, or
        what the fixture's end() returns; a fixture has its gateway's `server`."""
        def run(check):
            fixture = start()
            try:
                complaint = check(fixture)
            except Exception as problem:  # a test that cannot go on has failed
                complaint = f"{type(problem).__name__}: {problem}"
            if complaint:
                complaint = f"{complaint}\nthe gateway said:\n{fixture.server.output()}"
            ended = fixture.end()
            self.case(name, complaint or ended)
        return run

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed")
        sys.exit(1 if self.failed else 0)


def expect(condition, what):
    """The complaint of a check that fails, None of one that holds."""
    return None if condition else f"expected {what}"


def first(*complaints):
    return next((complaint for complaint in complaints if complaint), None)


def yaml_list(words):
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"


def wait_until(condition, seconds, pause=0.01):
    """Polls a condition of another process; true once it holds, false when the time is up."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True
