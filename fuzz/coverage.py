#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Says how much of each codec fuzzing alone reaches: builds the fuzz targets, runs each from its seeds, and prints the
branches of src/codec that were taken both ways.

coverage.py [--seconds 60] [--build DIR] [TARGET...]     needs clang++-14, llvm-profdata-14, llvm-cov-14
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
CODECS = {
    "HTTP/1.1": ("http1.cc", "http1_write.cc", "headers.cc"),
    "SSE": ("sse.cc",),
    "lines": ("lines.cc",),
    "JSON": ("json.cc", "json_parse.cc", "json_scan.cc", "json_walk.cc", "json_walk.h", "json_splice.cc", "json_writer.cc",
             "json_text.cc", "json_bind.cc", "jsonrpc.cc", "utf8.cc"),
    "URLs": ("url.cc", "base64.cc"),
}


def run(*command, **more):
    return subprocess.run([str(part) for part in command], check=True, **more)


def build(folder, targets):
    quiet = {"stdout": subprocess.DEVNULL}
    run("cmake", "--preset", "fuzz", "-B", folder, cwd=ROOT, **quiet)
    run("cmake", "--build", folder, "--target", *targets, "-j", os.environ.get("JOBS", "2"), **quiet)


def fuzz(program, seconds, profile):
    """Runs one target from its seeds; what it finds on the way is forgotten. Returns how many inputs it ran."""
    seeds = ROOT / "fuzz" / "corpus" / program.name.removesuffix("_fuzz")
    with tempfile.TemporaryDirectory() as grown:
        done = run(program, grown, seeds, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-verbosity=0",
                   "-print_final_stats=1", cwd=grown, stderr=subprocess.PIPE, text=True,
                   env=dict(os.environ, LLVM_PROFILE_FILE=str(profile)))
    return next(line.split()[-1] for line in done.stderr.splitlines() if "number_of_executed_units" in line)


def branches(programs, merged):
    objects = [part for program in programs[1:] for part in ("-object", program)]
    text = run("llvm-cov-14", "export", "-summary-only", f"-instr-profile={merged}", programs[0], *objects,
               stdout=subprocess.PIPE, text=True).stdout
    return {pathlib.Path(file["filename"]).name: file["summary"]["branches"] for file in json.loads(text)["data"][0]["files"]
            if "/src/codec/" in file["filename"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/fuzz")
    parser.add_argument("targets", nargs="*", default=sorted(p.stem for p in (ROOT / "fuzz").glob("*_fuzz.cc")))
    options = parser.parse_args()
    build(options.build, options.targets)
    programs = [options.build / "bin" / name for name in options.targets]
    with tempfile.TemporaryDirectory() as folder:
        for program in programs:
            count = fuzz(program, options.seconds, pathlib.Path(folder) / f"{program.name}.profraw")
            print(f"{program.name}: {count} inputs in {options.seconds} s", flush=True)
        merged = pathlib.Path(folder) / "all"
        run("llvm-profdata-14", "merge", "-sparse", *pathlib.Path(folder).glob("*.profraw"), "-o", merged)
        seen = branches(programs, merged)
    low = 0
    for codec, files in CODECS.items():
        known = [(file, seen[file]) for file in files if file in seen]
        rows = [(codec, sum(b["covered"] for _, b in known), sum(b["count"] for _, b in known))]
        rows += [("  " + file, b["covered"], b["count"]) for file, b in known]
        for name, covered, count in rows:
            print(f"{name:20} {covered:5} of {count:5}  {100 * covered / count if count else 100:5.1f} %")
        low += rows[0][1] < 0.9 * rows[0][2]
    print(f"coverage: {len(CODECS) - low} codecs at 90 % or more, {low} below")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
