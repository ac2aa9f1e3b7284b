// SPDX-License-Identifier: Apache-2.0
#pragma once
// What `sluice bench` sends: whole HTTP requests, written once, in which only the JSON-RPC id changes.
//
// The id has a fixed width, so the Content-Length stays true and a request costs one copy of ten digits. The
// bytes are an official client's as far as fields and members go, in both eras. Pure functions and values;
// any thread. MCP 2025-11-25 and 2026-07-28, basic/transports.

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "mcp/revision.h"

namespace sluice {

// Who is asked, and what.
struct BenchTarget {
  std::string host;
  std::uint16_t port = 80;
  std::string host_field;
  std::string path = "/";
  Era era = Era::legacy;
  std::string authorization;  // the field's value; empty sends none

  std::string method = "tools/call";
  std::string params;  // JSON object, without `_meta`
  std::string name;    // for Mcp-Name; empty when the method has none
};

// What the user asks for, in words.
struct BenchCall {
  std::string url;
  Era era = Era::legacy;
  std::string method = "tools/call";
  std::string tool = "echo";
  std::string arguments = "{}";   // of the tool; the whole params of any other method
  std::size_t payload_bytes = 0;  // a text of this size is added to the arguments
  std::string payload_name = "message";
  std::string bearer;
};

[[nodiscard]] Result<BenchTarget> make_bench_target(const BenchCall& call);

// Ids are this many digits, the first of them not 0.
inline constexpr std::uint64_t bench_id_first = 1'000'000'000;
inline constexpr std::size_t bench_id_digits = 10;

struct BenchRequest {
  std::string bytes;
  std::size_t id_at = 0;  // where the id's digits stand; 0 for none

  void set_id(std::uint64_t id);
};

// The request that is measured. `session_id` is empty in the modern era, or when the server gave none.
[[nodiscard]] BenchRequest bench_call(const BenchTarget& target, Bytes session_id);
// A legacy connection's beginning and end.
[[nodiscard]] BenchRequest bench_initialize(const BenchTarget& target);
[[nodiscard]] BenchRequest bench_initialized(const BenchTarget& target, Bytes session_id);
[[nodiscard]] BenchRequest bench_delete(const BenchTarget& target, Bytes session_id);

}  // namespace sluice
