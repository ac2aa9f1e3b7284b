#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants bugs and demands that fuzzing finds them: fifty, ten in each codec, one at a time, in a copy of the tree.

planted.py [--seconds 60] [--build DIR] [--jobs N] [CODEC or NUMBER...]     needs what the preset `fuzz` needs

A bug is found when a target of its codec, started from its seeds, ends with a failed check, a sanitizer's report or a hang.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
TARGETS = {"http1": ("http1",), "sse": ("sse",), "lines": ("lines",), "json": ("scan", "json", "text"), "url": ("url",)}

# Codec, file, what stands there, what the bug makes of it. The text must occur exactly once.
BUGS = (
    ("http1", "http1.cc", "is_a(hex_char, text[at + 1]) &&\n               is_a(hex_char, text[at + 2])", "is_a(hex_char, text[at + 1])"),
    ("http1", "http1.cc", "if (text.size() > 1 && text[0] == '0') return false;", "if (text.size() > 2 && text[0] == '0') return false;"),
    ("http1", "http1.cc", "if (head.path.empty()) head.path", "if (head.query.empty()) head.path"),
    ("http1", "http1.cc", "message.host.count > 1", "message.host.count > 2"),
    ("http1", "http1.cc", "if (message.transfer_encoding.count != 0) return &length_and_coding;", ""),
    ("http1", "http1.cc", "head.status == 204 || head.status == 304", "head.status == 204"),
    ("http1", "http1.cc", "if (input[0] != (cr ? '\\r' : '\\n'))", "if (cr && input[0] != '\\r')"),
    ("http1", "http1.cc", "at < text.size() && text[at] != '\"') at += text[at] == '\\\\' ? 2 : 1", "at < text.size() && text[at] != '\"') at += 1"),
    ("http1", "http1.cc", "      interim_ = 0;\n", ""),
    ("http1", "http1.cc", "if (message.head.fields.size() == limits_->header_fields_max)", "if (message.head.fields.size() > limits_->header_fields_max)"),
    ("sse", "sse.cc", "    data_begin_ -= std::min(data_begin_, block_begin_);\n", ""),
    ("sse", "sse.cc", "if (position_ - block_begin_ > limits_.event_bytes_max) break;", "if (position_ - block_begin_ > limits_.event_bytes_max + 1) break;"),
    ("sse", "sse.cc", "if (!block_open_) block_begin_ = position_;", "block_begin_ = position_;"),
    ("sse", "sse.cc", "line->size() > 1 && (*line)[1] == ' '", "line->size() > 2 && (*line)[1] == ' '"),
    ("sse", "sse.cc", "if (!value.empty() && value.front() == ' ')", "while (!value.empty() && value.front() == ' ')"),
    ("sse", "sse.cc", "if (value.find('\\0') != Bytes::npos) return;", ""),
    ("sse", "sse.cc", "if (data_lines_ == 1) data_.assign", "if (data_lines_ <= 2) data_.assign"),
    ("sse", "sse.cc", "  type_.clear();\n", ""),
    ("sse", "sse.cc", "  if (skip_lf_ && position_ < pending_.size()) {\n    skip_lf_ = false;", "  if (skip_lf_ && position_ < pending_.size()) {"),
    ("sse", "sse.cc", "if (c < '0' || c > '9') return;", "if (c < '0' || c > ':') return;"),
    ("lines", "lines.cc", "text.size() > line_bytes_max_", "text.size() > line_bytes_max_ + 1"),
    ("lines", "lines.cc", "text.size() > line_bytes_max_", "held.size() > line_bytes_max_"),
    ("lines", "lines.cc", "buffer_.consume(complete ? end + 1 : held.size());\n      searched_ = 0;", "buffer_.consume(complete ? end + 1 : held.size());"),
    ("lines", "lines.cc", "skipping_ = !complete;", "skipping_ = false;"),
    ("lines", "lines.cc", "if (news) return Step::too_long;", "return Step::too_long;"),
    ("lines", "lines.cc", "if (!complete && !finished_) {", "if (!complete) {"),
    ("lines", "lines.cc", "      searched_ = held.size();", "      searched_ = held.size() + 1;"),
    ("lines", "lines.cc", "if (!line.empty() && line.back() == '\\r')", "while (!line.empty() && line.back() == '\\r')"),
    ("lines", "lines.cc", "json.find('\\n') == Bytes::npos && json.find('\\r') == Bytes::npos", "json.find('\\n') == Bytes::npos"),
    ("lines", "lines.cc", "if (buffer_.capacity() > kept_bytes) buffer_.reset();", ""),
    ("json", "json_walk.cc", "    if (!is_digit(peek())) return fail(\"a fraction without digits\");\n", ""),
    ("json", "json_walk.cc", "unit < 0xDC00 || unit > 0xDFFF) return", "unit > 0xDFFF) return"),
    ("json", "json_scan.cc", "token.size() <= scanner_.limits_.id_bytes_max))", "token.size() <= scanner_.limits_.id_bytes_max + 1))"),
    ("json", "json_scan.cc", "    names.resize(first_name);\n", ""),
    ("json", "json_splice.cc", "plan_[kept - 1].end == before", "plan_[kept - 1].end == edit.begin"),
    ("json", "json_splice.cc", "return a_later != b_later ? b_later : a.order < b.order;", "return a.order < b.order;"),
    ("json", "json_text.cc", "(lead == 0xED && byte(1) > 0x9F)", "(lead == 0xED && byte(1) > 0xBF)"),
    ("json", "json_writer.cc", "if (last != '{' && last != '[' && last != ':')", "if (last != '{' && last != '[')"),
    ("json", "json.cc", "if (x >= 0xF0 && (y == 0xEE || y == 0xEF)) return true;", "if (x >= 0xF0 && y == 0xEE) return true;"),
    ("json", "json.cc", "if (this != &other) *this = Json(other);", "if (this != &other) held_ = other.held_;"),
    ("url", "url.cc", "text[at] == '%' && text.size() - at > 2", "text[at] == '%' && text.size() - at > 1"),
    ("url", "url.cc", "if (size == 0 || value > 255 ||", "if (size == 0 || value > 256 ||"),
    ("url", "url.cc", "if (address.size() > 14) return std::nullopt;", "if (address.size() > 16) return std::nullopt;"),
    ("url", "url.cc", "if (gap) return std::nullopt;", ""),
    ("url", "url.cc", "if (value > UINT16_MAX) return false;", "if (value > UINT16_MAX + 1U) return false;"),
    ("url", "url.cc", "if (!rooted || depth == 0) return true;", "if (depth == 0) return true;"),
    ("url", "url.cc", "if (is_treacherous(decoded) || decoded == '.') return true;", "if (is_treacherous(decoded)) return true;"),
    ("url", "url.cc", "out.resize(slash == std::string::npos ? 0 : slash);\n    } else if (path ==", "if (slash != std::string::npos) out.resize(slash);\n    } else if (path =="),
    ("url", "url.cc", "if (base.authority && base.path.empty()) return", "if (base.path.empty()) return"),
    ("url", "url.cc", "if (size > best_size) {", "if (size >= best_size) {"),
)


def copy_of_tree(folder):
    tree = pathlib.Path(folder) / "tree"
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns("build", ".git", "node_modules", ".cache", "__pycache__"))
    return tree


def build(folder, targets, jobs):
    subprocess.run(["cmake", "--build", folder, "--target", *(t + "_fuzz" for t in targets), "-j", str(jobs)], check=True,
                   stdout=subprocess.DEVNULL)


def find(folder, targets, seconds):
    """Which target ends badly, and after how many seconds; nothing when none does."""
    for target in targets:
        begin = time.monotonic()
        with tempfile.TemporaryDirectory() as grown:
            run = subprocess.run([folder / "bin" / f"{target}_fuzz", grown, ROOT / "fuzz/corpus" / target, "-timeout=10",
                                  f"-max_total_time={seconds}", "-rss_limit_mb=2048", "-verbosity=0"], cwd=grown,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 env=dict(os.environ, LLVM_PROFILE_FILE="/dev/null"))
        if run.returncode != 0:
            return target, time.monotonic() - begin
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--build", type=pathlib.Path, help="keep the build here, for the next time")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("which", nargs="*")
    options = parser.parse_args()
    chosen = [(number, bug) for number, bug in enumerate(BUGS, 1)
              if not options.which or bug[0] in options.which or str(number) in options.which]
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        tree = copy_of_tree(folder)
        place = options.build or pathlib.Path(folder) / "build"
        subprocess.run(["cmake", "--preset", "fuzz", "-S", tree, "-B", place, "--fresh", "-DCMAKE_CXX_FLAGS=-w"], cwd=tree, check=True, stdout=subprocess.DEVNULL)
        for number, (codec, name, right, wrong) in chosen:
            path = tree / "src/codec" / name
            text = path.read_text()
            if text.count(right) != 1:
                print(f"{number:2} {codec:6} {name}: the text to replace occurs {text.count(right)} times")
                missed += 1
                continue
            path.write_text(text.replace(right, wrong))
            build(place, TARGETS[codec], options.jobs)
            found = find(place, TARGETS[codec], options.seconds)
            path.write_text(text)
            missed += not found
            verdict = f"found by {found[0]} in {found[1]:.1f} s" if found else "NOT FOUND"
            print(f"{number:2} {codec:6} {name}: {' '.join((wrong or 'without: ' + right).split())[:70]:70} {verdict}", flush=True)
    print(f"planted: {len(chosen) - missed} found, {missed} missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
