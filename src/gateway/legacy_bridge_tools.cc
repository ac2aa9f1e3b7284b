// SPDX-License-Identifier: Apache-2.0
#include "gateway/legacy_bridge_tools.h"

#include <algorithm>
#include <utility>

#include "codec/json.h"
#include "codec/json_writer.h"
#include "gateway/legacy_bridge.h"
#include "gateway/legacy_bridge_session.h"
#include "mcp/modern_results.h"

namespace sluice {

class LegacyBridgeTools::List final : private LegacyBridgeRequestHandler {
 public:
  List(LegacyBridge& bridge, LegacyBridgeRequest::Origin origin)
      : bridge_(bridge),
        origin_(std::move(origin)),
        request_(bridge, *this),
        patience_([](void* self) { static_cast<List*>(self)->give_up("it took too long"); }, this) {}

  [[nodiscard]] const Principal& principal() const { return origin_.principal; }
  [[nodiscard]] Instant used() const { return used_; }
  [[nodiscard]] bool is_idle() const { return !is_loading_ && !is_settling_; }
  void touch() { used_ = bridge_.parts_.reactor.now(); }
  void changed() { is_known_ = false; }
  void forget(Waiter& waiter) { std::erase(waiting_, &waiter); }

  [[nodiscard]] const LegacyBridgeTool* find(Bytes tool) const {
    const auto at = tools_.find(std::string(tool));
    return at == tools_.end() ? nullptr : &at->second;
  }

  bool wait(const LegacyBridgeSession& session, Waiter& waiter) {
    touch();
    if (is_known_ && used_ < kept_until_) return false;
    waiting_.push_back(&waiter);
    if (is_loading_) return true;
    is_loading_ = true;
    is_known_ = true;  // unless it changes while it is being read
    who_ = session.who();
    pages_ = 0;
    fresh_.clear();
    bridge_.parts_.reactor.arm_after(patience_, bridge_.limits().bridge.tools_wait);
    ask({});
    return true;
  }

 private:
  void ask(Bytes cursor) {
    std::string members;
    if (pages_++ != 0) {
      members = R"("cursor":)";
      append_json_string(members, cursor);
    }
    request_.open(make_modern_request(bridge_.next_id(), "tools/list", who_, members), origin_);
  }

  std::size_t on_notification(const ClientMessage&) override { return all_room; }

  void on_refused(const Refusal& refusal) override { give_up(refusal.message); }

  void on_response(const ClientMessage& message) override {
    const Envelope& envelope = message.envelope();
    if (envelope.kind != MessageKind::response) return give_up("the server answered with an error");
    const auto result = Json::parse(envelope.view(envelope.result));
    if (!result) return give_up(result.error().message);
    take_page(envelope, *result);
    const std::string* cursor = (*result)["nextCursor"].as_string();
    if (cursor == nullptr) return settle(bridge_.limits().bridge.tools_kept);
    if (pages_ >= bridge_.limits().upstream.tool_pages_max) return give_up("it has no end");
    ask(*cursor);
  }

  void take_page(const Envelope& envelope, const Json& result) {
    const JsonSpan texts = json_member(envelope.text, envelope.result, "tools");
    const std::vector<JsonSpan> spans =
        texts && result["tools"].is_array() ? json_children(envelope.text, texts) : std::vector<JsonSpan>();
    for (std::size_t i = 0; i < spans.size() && i < result["tools"].size(); ++i) {
      const Json& tool = result["tools"][i];
      LegacyBridgeTool known;
      known.wraps = wraps_output(envelope.text, spans[i]);
      if (auto headers = parse_param_headers(tool["inputSchema"])) known.headers = *std::move(headers);
      if (!known.wraps && known.headers.empty()) continue;
      if (fresh_.size() >= bridge_.limits().bridge.tools_max) return;
      fresh_.insert_or_assign(std::string(tool["name"].string_or("")), std::move(known));
    }
  }

  // What was known before is better than nothing.
  void give_up(const std::string& why) {
    bridge_.parts_.log.warning("tool list not to be had")
        .field("upstream", bridge_.parts_.config.name)
        .field("why", why);
    request_.drop();
    if (fresh_.empty()) fresh_ = std::move(tools_);
    settle(bridge_.limits().upstream.restart_backoff_max);
  }

  void settle(milliseconds kept) {
    patience_.cancel();
    is_loading_ = false;
    tools_ = std::exchange(fresh_, {});
    kept_until_ = bridge_.parts_.reactor.now() + kept;
    // Whoever is told may come to wait again, or take others with it.
    is_settling_ = true;
    for (std::size_t due = waiting_.size(); due != 0 && !waiting_.empty() && !is_loading_; --due) {
      Waiter* waiter = waiting_.front();
      waiting_.erase(waiting_.begin());
      waiter->on_tools();
    }
    is_settling_ = false;
  }

  LegacyBridge& bridge_;
  LegacyBridgeRequest::Origin origin_;
  LegacyBridgeRequest request_;
  Timer patience_;
  Introduction who_;  // in whose name it is being read
  std::unordered_map<std::string, LegacyBridgeTool> tools_;
  std::unordered_map<std::string, LegacyBridgeTool> fresh_;
  std::vector<Waiter*> waiting_;
  std::size_t pages_ = 0;
  bool is_loading_ = false;
  bool is_known_ = false;
  bool is_settling_ = false;
  Instant kept_until_{};
  Instant used_{};
};

LegacyBridgeTools::LegacyBridgeTools(LegacyBridge& bridge) : bridge_(bridge) {}

LegacyBridgeTools::~LegacyBridgeTools() = default;

// Room for one more list: the one that was not used for the longest time goes.
bool LegacyBridgeTools::make_room() {
  if (lists_.size() < bridge_.limits().bridge.tool_lists_max) return true;
  auto oldest = lists_.end();
  for (auto at = lists_.begin(); at != lists_.end(); ++at)
    if (at->second->is_idle() && (oldest == lists_.end() || at->second->used() < oldest->second->used()))
      oldest = at;
  if (oldest == lists_.end()) return false;
  lists_.erase(oldest);
  return true;
}

LegacyBridgeTools::List* LegacyBridgeTools::list_of(const LegacyBridgeSession& session) {
  const std::string& key = session.tools_key();
  if (const auto at = lists_.find(key); at != lists_.end()) return at->second.get();
  if (!make_room()) return nullptr;
  return lists_.emplace(key, std::make_unique<List>(bridge_, session.origin())).first->second.get();
}

bool LegacyBridgeTools::wait(const LegacyBridgeSession& session, Waiter& waiter) {
  List* list = list_of(session);
  return list != nullptr && list->wait(session, waiter);
}

void LegacyBridgeTools::forget(const LegacyBridgeSession& session, Waiter& waiter) {
  if (const auto at = lists_.find(session.tools_key()); at != lists_.end()) at->second->forget(waiter);
}

const LegacyBridgeTool* LegacyBridgeTools::find(const LegacyBridgeSession& session, Bytes tool) const {
  const auto at = lists_.find(session.tools_key());
  return at == lists_.end() ? nullptr : at->second->find(tool);
}

void LegacyBridgeTools::changed(const Principal& principal) {
  for (const auto& [key, list] : lists_)
    if (list->principal() == principal) list->changed();
}

}  // namespace sluice
