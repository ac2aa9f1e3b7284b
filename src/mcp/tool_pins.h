// SPDX-License-Identifier: Apache-2.0
#pragma once
// ToolPins: which definition of each tool an operator has accepted, by its digest.
//
// A server that changes what a tool says of itself after it was trusted (a "rug pull") is noticed by that.
// The digest is the SHA-256 of canonical JSON (RFC 8785) of what a model is told: name, title, description,
// inputSchema and annotations. Members in another order, or other blanks, are no change; what else there is
// differs between the eras. As text it is JSON, sorted and a tool a line, to be read as a difference by
// people. A plain value, any thread.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"
#include "codec/json.h"

namespace sluice {

// 64 hexadecimal digits.
[[nodiscard]] std::string definition_digest(const Json& definition);

class ToolPins {
 public:
  // An error says what is wrong with the text. An empty text pins nothing.
  [[nodiscard]] static Result<ToolPins> parse(Bytes text, const FederationLimits& limits);
  [[nodiscard]] std::string text() const;

  enum class Verdict : std::uint8_t { same, changed, unpinned };
  [[nodiscard]] Verdict judge(const std::string& upstream, const std::string& tool,
                              const std::string& digest) const;
  void pin(const std::string& upstream, const std::string& tool, const std::string& digest);
  // Of this upstream nothing is pinned afterwards.
  void forget(const std::string& upstream) { pins_.erase(upstream); }
  [[nodiscard]] std::size_t size() const;
  // All, in the order of their names.
  using Visit =
      std::function<void(const std::string& upstream, const std::string& tool, const std::string& digest)>;
  void each(const Visit& visit) const;

  friend bool operator==(const ToolPins&, const ToolPins&) = default;

 private:
  std::map<std::string, std::map<std::string, std::string>> pins_;  // upstream, tool, digest
};

}  // namespace sluice
