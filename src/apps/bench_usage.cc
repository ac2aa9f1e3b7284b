// SPDX-License-Identifier: Apache-2.0
#include "apps/bench_usage.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>

#include "net/files.h"

namespace sluice {

namespace {

constexpr Duration tick = std::chrono::milliseconds(10);  // USER_HZ is 100 wherever Linux runs
constexpr std::size_t proc_bytes_max = 1024UL * 1024;
constexpr std::size_t descendants_max = 10'000;

std::string proc_path(std::int64_t pid, const char* file) {
  return "/proc/" + std::to_string(pid) + "/" + file;
}

}  // namespace

Result<ProcessUsage> parse_process_stat(const std::string& text) {
  // pid (name) state ppid …; the name may hold anything, so its end is the last parenthesis.
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open)
    return Error(Errc::invalid, "this is no /proc/PID/stat");
  ProcessUsage usage;
  std::from_chars(text.data(), text.data() + open, usage.pid);
  usage.name = text.substr(open + 1, close - open - 1);
  std::istringstream fields(text.substr(close + 1));
  std::string skipped;
  constexpr int fields_before_utime = 11;  // fields 3 to 13 of proc(5)
  for (int i = 0; i < fields_before_utime; ++i) fields >> skipped;
  std::int64_t user = 0;
  std::int64_t system = 0;
  if (!(fields >> user >> system)) return Error(Errc::invalid, "/proc/PID/stat has too few fields");
  usage.user = user * tick;
  usage.system = system * tick;
  return usage;
}

Result<std::vector<ProcessUsage>> read_process_usage(std::int64_t pid) {
  std::vector<ProcessUsage> usages;
  std::vector<std::int64_t> open{pid};
  while (!open.empty() && usages.size() < descendants_max) {
    const std::int64_t next = open.back();
    open.pop_back();
    const auto text = read_file(proc_path(next, "stat"), proc_bytes_max);
    if (!text) {
      if (next == pid) return text.error();
      continue;
    }
    auto usage = parse_process_stat(*text);
    if (!usage) return usage.error();
    usages.push_back(*std::move(usage));
    // Only children of the main thread, which is who starts them everywhere that we measure.
    const auto children =
        read_file(proc_path(next, "task/") + std::to_string(next) + "/children", proc_bytes_max);
    if (!children) continue;
    std::istringstream list(*children);
    for (std::int64_t child = 0; list >> child;) open.push_back(child);
  }
  return usages;
}

std::vector<ProcessUsage> usage_between(const std::vector<ProcessUsage>& before,
                                        const std::vector<ProcessUsage>& after) {
  std::vector<ProcessUsage> used = after;
  for (ProcessUsage& usage : used) {
    const auto old = std::find_if(before.begin(), before.end(),
                                  [&usage](const ProcessUsage& other) { return other.pid == usage.pid; });
    if (old == before.end()) continue;
    usage.user -= old->user;
    usage.system -= old->system;
  }
  return used;
}

}  // namespace sluice
