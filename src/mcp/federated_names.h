// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a client calls the tools, prompts and resources of several upstreams that it sees as one server.
//
// A name is `<upstream>__<name>`, of A-Z a-z 0-9 _ - . and at most 64 bytes. Where that would not be, or
// would read as another upstream's name, it is `<upstream>__<what fits>_<10 hex digits>` of a digest over
// both: the same everywhere and always, but its meaning has to be learned from a list. No plain name ends
// like that, so the two kinds never meet.
//
// A URI is kept while it is one upstream's only: who mentions it first has it, for good. The same URI of
// another upstream becomes `gw+<upstream>:<URI>`, with the URI as it is, so that a template stays one and
// taking the scheme off gives the original. A URI that begins like that of itself is always wrapped.
//
// Names and URIs of an upstream that is the only one are what they are.
//
// Tables are bounded, in entries and in bytes: that of names begins anew when it is full, as lists fill it
// again; URIs that do not fit are wrapped. Pure, one thread. Ledger D5.

#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "mcp/uri_template.h"

namespace sluice {

inline constexpr std::size_t federated_name_bytes_max = 64;
// Of what each of the tables remembers.
inline constexpr std::size_t federated_table_bytes_max = 16 * 1024 * 1024;

class FederatedNames {
 public:
  // Upstreams are named by their place in this list, which is the order of the configuration.
  FederatedNames(const std::vector<std::string>& upstreams, const FederationLimits& limits);

  struct Outward {
    std::string text;
    bool is_collision = false;  // its plain form means something of another upstream; told once
  };
  // The client's name for this one; what it means is remembered where the text does not say it.
  [[nodiscard]] Outward outward(std::size_t upstream, Bytes name);

  struct Inward {
    std::size_t upstream = 0;
    // Nothing for a shortened name that was not learned: the upstream's list tells.
    std::optional<std::string> name;
  };
  // Nothing when the name is no upstream's.
  [[nodiscard]] std::optional<Inward> inward(Bytes text) const;

 private:
  [[nodiscard]] std::optional<std::size_t> owner(Bytes text) const;
  [[nodiscard]] std::string shortened(std::size_t upstream, Bytes name) const;

  std::size_t names_max_;
  std::vector<std::string> upstreams_;
  std::vector<std::string> prefixes_;
  std::unordered_map<std::string, std::string> shortened_;  // the client's name to the upstream's
  std::size_t bytes_ = 0;                                   // of the upstreams' names
};

class FederatedUris {
 public:
  FederatedUris(const std::vector<std::string>& upstreams, const FederationLimits& limits);

  // The client's form of a URI or a template of this upstream, which is its owner from now on if none is.
  [[nodiscard]] std::string outward(std::size_t upstream, Bytes uri);
  // The same; URIs of this form are the upstream's too.
  [[nodiscard]] std::string outward_template(std::size_t upstream, Bytes uri_template);

  struct Inward {
    std::optional<std::size_t> upstream;  // nothing when nobody is known to have it
    std::string uri;
  };
  [[nodiscard]] Inward inward(Bytes uri) const;

 private:
  [[nodiscard]] std::optional<std::size_t> wrapper(Bytes uri) const;

  FederationLimits limits_;
  std::vector<std::string> schemes_;  // with their colon
  std::unordered_map<std::string, std::size_t> owners_;
  std::size_t bytes_ = 0;
  std::vector<std::pair<UriTemplate, std::size_t>> templates_;
};

}  // namespace sluice
