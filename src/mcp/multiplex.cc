// SPDX-License-Identifier: Apache-2.0
#include "mcp/multiplex.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "mcp/methods.h"

namespace sluice {

namespace {

constexpr std::size_t reason_bytes_max = 256;

// Raw line ends in JSON text are blanks between tokens: strings have theirs escaped.
void make_one_line(std::string& text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
}

std::optional<std::uint64_t> minted_number(Bytes raw) {
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(raw.data(), raw.data() + raw.size(), number);
  if (failure != std::errc() || end != raw.data() + raw.size()) return std::nullopt;
  return number;
}

}  // namespace

Multiplex::Multiplex(const JsonLimits& json, std::size_t in_flight_max)
    : in_flight_max_(in_flight_max), scanner_(json) {}

Result<std::string> Multiplex::outbound(const Envelope& envelope, ClientRef ref) {
  if (envelope.kind != MessageKind::request) return Error(Errc::invalid, "only requests are multiplexed");
  if (by_ref_.contains(ref)) return Error(Errc::exists, "this exchange is on the channel already");
  if (open_.size() >= in_flight_max_)
    return Error(Errc::exhausted, "too many requests are in flight on this channel");

  const Minted minted = next_++;
  Entry entry;
  entry.ref = ref;
  entry.id_raw = std::string(envelope.view(envelope.id));
  entry.token_raw = std::string(envelope.view(envelope.meta_progress_token));
  entry.listens = envelope.method == method_of(MethodId::subscriptions_listen).text;
  entry.logs = envelope.meta_log_level.present();

  const std::string number = std::to_string(minted);
  splice_.clear();
  splice_.replace(envelope.id, number);
  if (envelope.meta_progress_token) splice_.replace(envelope.meta_progress_token, number);
  std::string text;
  splice_.append_to(text, envelope.text, envelope.message);
  make_one_line(text);

  open_.emplace(minted, std::move(entry));
  by_ref_.emplace(ref, minted);
  return text;
}

std::optional<std::string> Multiplex::cancel(ClientRef ref, Bytes reason) {
  const auto place = by_ref_.find(ref);
  if (place == by_ref_.end()) return std::nullopt;
  const Minted minted = place->second;
  unread_cancel_ = next_;
  if (open_.at(minted).logs) unread_log_cancel_ = next_;
  forget(minted);
  std::string params;
  JsonWriter writer(params);
  writer.begin_object().member("requestId", minted);
  if (!reason.empty()) writer.member("reason", reason.substr(0, reason_bytes_max));
  writer.end_object();
  return make_notification(method_of(MethodId::notify_cancelled).text, params);
}

Routed Multiplex::inbound(PaddedBytes line) {
  Envelope envelope;
  if (!scanner_.scan(line, envelope)) {
    ++counts_.invalid;
    return {Routed::Kind::invalid, 0, {}};
  }
  return inbound(envelope);
}

Routed Multiplex::inbound(const Envelope& envelope) {
  switch (envelope.kind) {
    case MessageKind::response:
    case MessageKind::error_response: return inbound_response(envelope);
    case MessageKind::notification: return inbound_notification(envelope);
    case MessageKind::request: return inbound_request(envelope);
    case MessageKind::batch:
    case MessageKind::invalid: break;
  }
  ++counts_.invalid;
  return {Routed::Kind::invalid, 0, {}};
}

Routed Multiplex::inbound_response(const Envelope& envelope) {
  const Bytes raw = envelope.view(envelope.id);
  Entry* entry = find(raw);
  if (entry == nullptr) return miss(raw);
  splice_.clear();
  splice_.replace(envelope.id, entry->id_raw);
  if (entry->listens && envelope.meta_subscription_id)
    splice_.replace(envelope.meta_subscription_id, entry->id_raw);
  Routed routed{Routed::Kind::response, entry->ref, {}};
  splice_.append_to(routed.text, envelope.text, envelope.message);
  forget(by_ref_.at(routed.ref));
  return routed;
}

Routed Multiplex::inbound_notification(const Envelope& envelope) {
  const Method* method = find_method(envelope.method);
  if (method != nullptr && method->id == MethodId::notify_cancelled) return end_of_listen(envelope);
  if (envelope.meta_subscription_id) return to_listener(envelope);
  if (method != nullptr && method->id == MethodId::notify_message) return log_line(envelope);
  if (method != nullptr && method->id == MethodId::notify_progress) {
    const Bytes raw = envelope.view(envelope.progress_token);
    Entry* entry = find(raw);
    if (entry == nullptr || entry->token_raw.empty()) return miss(raw);
    splice_.clear();
    splice_.replace(envelope.progress_token, entry->token_raw);
    Routed routed{Routed::Kind::notification, entry->ref, {}};
    splice_.append_to(routed.text, envelope.text, envelope.message);
    return routed;
  }
  // A vendor's own notification belongs to the only request there is; nothing else can be said of one without
  // a mark.
  if (method == nullptr && open_.size() == 1 && unread_cancel_ == 0)
    return {Routed::Kind::notification, open_.begin()->second.ref,
            std::string(envelope.view(envelope.message))};
  ++counts_.unattributed;
  return {};
}

// What a subscription asked for; it is named by the minted id of its listen request.
Routed Multiplex::to_listener(const Envelope& envelope) {
  const JsonSpan span = envelope.meta_subscription_id;
  const Bytes raw = envelope.view(span);
  Entry* entry = find(raw);
  if (entry == nullptr || !entry->listens) return miss(raw);
  splice_.clear();
  splice_.replace(span, entry->id_raw);
  Routed routed{Routed::Kind::notification, entry->ref, {}};
  splice_.append_to(routed.text, envelope.text, envelope.message);
  return routed;
}

// A server may end a subscription by cancelling its listen request instead of answering it. The client always
// gets the answer; a cancel behind the answer is late.
Routed Multiplex::end_of_listen(const Envelope& envelope) {
  const Bytes raw = envelope.view(envelope.request_id);
  Entry* entry = find(raw);
  if (entry == nullptr || !entry->listens) return miss(raw);
  std::string result;
  JsonWriter writer(result);
  writer.begin_object().member("resultType", "complete").key("_meta").begin_object();
  writer.raw_member("io.modelcontextprotocol/subscriptionId", entry->id_raw).end_object().end_object();
  Routed routed{Routed::Kind::response, entry->ref, make_response(entry->id_raw, result)};
  forget(by_ref_.at(routed.ref));
  return routed;
}

// A log line names no request. Servers log only to requests that set a level, so it is whose there is only
// one of.
Routed Multiplex::log_line(const Envelope& envelope) {
  const Entry* only = nullptr;
  for (const auto& [minted, entry] : open_) {
    if (!entry.logs) continue;
    if (only != nullptr) {
      only = nullptr;
      break;
    }
    only = &entry;
  }
  if (only == nullptr || unread_log_cancel_ != 0) {
    ++counts_.unattributed;
    return {};
  }
  return {Routed::Kind::notification, only->ref, std::string(envelope.view(envelope.message))};
}

// No modern server sends requests. A ping is harmless and gets its answer; the rest is told so.
Routed Multiplex::inbound_request(const Envelope& envelope) {
  const Bytes id = envelope.view(envelope.id);
  if (envelope.method == method_of(MethodId::ping).text)
    return {Routed::Kind::reply, 0, make_response(id, "{}")};
  ++counts_.refused_asks;
  return {Routed::Kind::reply, 0,
          make_error_response(id, rpc::method_not_found, "Method not found: this client takes no requests")};
}

std::vector<ClientRef> Multiplex::lost() {
  std::vector<Minted> order;
  order.reserve(open_.size());
  for (const auto& [minted, entry] : open_) order.push_back(minted);
  std::sort(order.begin(), order.end());
  std::vector<ClientRef> refs;
  refs.reserve(order.size());
  for (const Minted minted : order) refs.push_back(open_.at(minted).ref);
  open_.clear();
  by_ref_.clear();
  unread_cancel_ = unread_log_cancel_ = 0;
  return refs;
}

Multiplex::Entry* Multiplex::find(Bytes raw_id) {
  const auto number = minted_number(raw_id);
  if (!number) return nullptr;
  if (*number >= unread_cancel_ && *number < next_) unread_cancel_ = 0;
  if (*number >= unread_log_cancel_ && *number < next_) unread_log_cancel_ = 0;
  const auto place = open_.find(*number);
  return place == open_.end() ? nullptr : &place->second;
}

bool Multiplex::was_ours(Bytes raw_id) const {
  const auto number = minted_number(raw_id);
  return number && *number >= 1 && *number < next_ && !open_.contains(*number);
}

Routed Multiplex::miss(Bytes raw_id) {
  ++(was_ours(raw_id) ? counts_.late : counts_.unknown);
  return {};
}

void Multiplex::forget(Minted minted) {
  const auto place = open_.find(minted);
  by_ref_.erase(place->second.ref);
  open_.erase(place);
}

}  // namespace sluice
