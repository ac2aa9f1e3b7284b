// SPDX-License-Identifier: Apache-2.0
#pragma once
// ListFetch: one page of one upstream's list, asked for in a caller's name but for nobody's exchange, so that
// it outlives the call it was begun for.
//
// Knows nothing of what is kept and who waits. What the upstream says meanwhile is dropped, but questions of
// a legacy server, which go to the session's client. One reactor. Spec: ledger D6.2.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "gateway/federation_state.h"

namespace sluice {

// A page of a list: an upstream's, its first one or the one at a cursor of the upstream.
struct ListPlace {
  std::size_t upstream = 0;
  const ListForm* form = nullptr;
  std::optional<std::string> cursor = {};

  friend bool operator==(const ListPlace&, const ListPlace&) = default;
};

class ListFetch;

class FetchOwner {
 public:
  // It is over, and to be buried.
  virtual void fetched(ListFetch& fetch, UpstreamAnswer answer) = 0;

 protected:
  ~FetchOwner() = default;
};

class ListFetch final : public Exchange {
 public:
  // `like` has what of the caller's requests is told to upstreams; its message has the `_meta`.
  ListFetch(FederationState& state, FetchOwner& owner, ListPlace place, ClientRequest like, Session* session);

  // It may be over before this returns.
  void start();
  void cancel();
  [[nodiscard]] const ListPlace& place() const { return place_; }
  [[nodiscard]] Instant started() const { return request().opened; }

  std::size_t notify(Bytes message) override;
  std::size_t ask(Bytes message) override;
  void finish(Bytes) override {}
  void refuse(int, int, std::string_view, std::string_view) override {}

 private:
  class Call;
  FetchOwner& owner_;
  ListPlace place_;
};

}  // namespace sluice
