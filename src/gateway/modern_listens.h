// SPDX-License-Identifier: Apache-2.0
#pragma once
// ModernListens: the subscriptions (subscriptions/listen) that one legacy session feeds.
//
// Honours what the upstream declares, subscribes to each resource once however many ask for it, acknowledges
// when the upstream has answered that, and hands each change to those that asked for its kind. Knows the
// upstream as two verbs. Exchanges are borrowed until they are dropped or finished. One reactor. Ledger D2,
// D6.8.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "mcp/exchange.h"
#include "mcp/to_legacy.h"

namespace sluice {

class ModernListens {
 public:
  // Subscribes to a resource and tells whether the upstream did; unsubscribes and tells nobody.
  using Subscribe = std::function<void(const std::string& uri, std::function<void(bool)> done)>;
  using Unsubscribe = std::function<void(const std::string& uri)>;

  ModernListens(Subscribe subscribe, Unsubscribe unsubscribe)
      : subscribe_(std::move(subscribe)), unsubscribe_(std::move(unsubscribe)) {}

  [[nodiscard]] std::size_t size() const { return listens_.size(); }
  void add(Exchange& exchange, const ListenFilter& filter);
  // It is over; resources that nobody else wants are unsubscribed.
  void drop(Exchange& exchange);
  // A change that the upstream told of.
  void changed(const Envelope& notification);
  // All, to be ended by the caller; nothing is unsubscribed.
  [[nodiscard]] std::vector<Exchange*> take_all();

 private:
  struct Listen {
    Exchange* exchange;
    ListenFilter filter;
    std::size_t pending = 0;  // subscriptions that are not answered yet
    bool acknowledged = false;
  };
  struct Resource {
    std::size_t users = 0;
    bool settled = false;
    bool subscribed = false;
  };
  void settled(const std::string& uri, bool subscribed);
  void acknowledge(Listen& listen);

  Subscribe subscribe_;
  Unsubscribe unsubscribe_;
  std::vector<std::unique_ptr<Listen>> listens_;
  std::map<std::string, Resource> resources_;
};

}  // namespace sluice
