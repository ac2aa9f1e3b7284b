// SPDX-License-Identifier: Apache-2.0
#include "base/timestamp.h"

#include <algorithm>
#include <cstdint>

namespace sluice {

namespace {

void append_digits(std::string& out, std::uint64_t value, std::size_t digits) {
  out.append(digits, '0');
  for (std::size_t i = 1; i <= digits; ++i, value /= 10)
    out[out.size() - i] = static_cast<char>('0' + value % 10);
}

}  // namespace

void append_rfc3339(std::string& out, WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto of_day = static_cast<std::uint64_t>((time - day).count());
  append_digits(out, static_cast<std::uint64_t>(std::clamp(static_cast<int>(date.year()), 0, 9999)), 4);
  out.push_back('-');
  append_digits(out, static_cast<unsigned>(date.month()), 2);
  out.push_back('-');
  append_digits(out, static_cast<unsigned>(date.day()), 2);
  out.push_back('T');
  append_digits(out, of_day / 3'600'000, 2);
  out.push_back(':');
  append_digits(out, of_day / 60'000 % 60, 2);
  out.push_back(':');
  append_digits(out, of_day / 1'000 % 60, 2);
  out.push_back('.');
  append_digits(out, of_day % 1'000, 3);
  out.push_back('Z');
}

std::string rfc3339(WallTime time) {
  std::string out;
  append_rfc3339(out, time);
  return out;
}

}  // namespace sluice
