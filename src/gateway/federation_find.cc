// SPDX-License-Identifier: Apache-2.0
#include "gateway/federation_find.h"

#include <algorithm>
#include <utility>

#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "mcp/tool_search.h"

namespace sluice {

namespace {

constexpr std::size_t found_usually = 5;
constexpr std::size_t answer_share = 16;  // of what a message may have, at most

constexpr Bytes finders =
    R"([{"name":"find_tool","description":"Looks for tools by words: there are too many to list them all. )"
    R"(Returns the definitions of the best matches, which call_tool calls.","inputSchema":{"type":"object",)"
    R"("properties":{"query":{"type":"string","description":"What the tool should do, in a few words"},)"
    R"("limit":{"type":"integer","minimum":1,"maximum":20,"description":"How many at most; 5 unless said"}},)"
    R"("required":["query"]},"annotations":{"readOnlyHint":true}},)"
    R"({"name":"call_tool","description":"Calls a tool that find_tool has returned.","inputSchema":)"
    R"({"type":"object","properties":{"name":{"type":"string","description":"The tool's name"},)"
    R"("arguments":{"type":"object","description":"Its arguments, by its inputSchema"}},)"
    R"("required":["name"]}}])";

}  // namespace

std::string finders_list(Era era) {
  std::string out;
  JsonWriter writer(out);
  writer.begin_object();
  if (era == Era::modern) writer.member("resultType", "complete");
  writer.raw_member("tools", finders);
  if (era == Era::modern) writer.member("ttlMs", 60'000).member("cacheScope", "public");
  writer.end_object();
  return out;
}

FindToolCall::FindToolCall(FederationState& state, Exchange& client)
    : FederatedCall(state, client), asker_(client.session()), items_(state.upstreams.size()) {}

FindToolCall::~FindToolCall() {
  for (const auto& lists : lists_) lists->forget(*this);
}

void FindToolCall::start() {
  const FederationLimits& limits = state().limits().federation;
  const auto arguments =
      Json::parse(envelope().arguments ? envelope().view(envelope().arguments) : Bytes("{}"));
  query_ = arguments ? (*arguments)["query"].string_or("") : "";
  if (query_.empty() || query_.size() > limits.query_bytes_max)
    return state().refuse(client(),
                          refusals::invalid_params("'query' must be a text of 1 to " +
                                                   std::to_string(limits.query_bytes_max) + " bytes"));
  const auto most = static_cast<std::int64_t>(limits.found_tools_max);
  const std::int64_t wanted = (*arguments)["limit"].int64_or(found_usually);
  count_max_ = static_cast<std::size_t>(std::clamp<std::int64_t>(wanted, 1, most));
  const auto shared = session() == nullptr ? state().catalogue->caller_of(client()) : nullptr;
  for (std::size_t upstream = 0; upstream < upstreams(); ++upstream)
    lists_.push_back(shared ? shared : session()->lists(upstream));
  awaited_ = upstreams();
  is_asking_ = true;
  for (std::size_t upstream = 0; upstream < upstreams(); ++upstream) ask(upstream, std::nullopt);
  is_asking_ = false;
  if (awaited_ == 0) search();
}

void FindToolCall::ask(std::size_t upstream, std::optional<std::string> cursor) {
  ++pages_;
  lists_[upstream]->want(ListPlace{upstream, list_form(MethodId::tools_list), std::move(cursor)}, *this);
}

void FindToolCall::page_ready(std::size_t upstream, PageAnswer answer) {
  const ListForm* form = list_form(MethodId::tools_list);
  if (answer.page) {
    const ShownItems& shown = answer.page->show(state(), ListPlace{upstream, form});
    if (shown.count != 0) items_[upstream].append(items_[upstream].empty() ? "" : ",").append(shown.json);
    const auto next = answer.page->facts.next_cursor;
    if (next && pages_ < state().limits().federation.learned_pages_max) return ask(upstream, next);
  } else if (answer.failure->code != rpc::method_not_found) {
    missing_.push_back(upstream);
    state().warn(upstream, find_tool_name, answer.failure->message);
  }
  if (--awaited_ == 0 && !is_asking_) search();
}

std::string FindToolCall::best_of(Bytes all) const {
  const PaddedString text(all);
  const std::vector<JsonSpan> spans =
      json_children(text.view(), JsonSpan{0, 0, static_cast<std::uint32_t>(text.size())});
  std::vector<SearchedTool> tools;
  tools.reserve(spans.size());
  for (const JsonSpan span : spans)
    tools.push_back(SearchedTool{string_in(text.view(), json_member(text.view(), span, "name")),
                                 string_in(text.view(), json_member(text.view(), span, "description"))});
  std::string found = "[";
  for (const std::size_t i : rank_tools(query_, tools, count_max_)) {
    if (found.size() + spans[i].size() > bytes_max_) continue;
    found.append(found.size() > 1 ? "," : "").append(spans[i].in(text.view()));
  }
  return found + "]";
}

void FindToolCall::search() {
  bytes_max_ = state().limits().json.message_bytes_max / answer_share;
  std::string all = "[";
  for (const std::string& items : items_)
    if (!items.empty()) all.append(all.size() > 1 ? "," : "").append(items);
  std::string found = "{\"tools\":" + best_of(all + "]");
  if (!missing_.empty()) {
    std::sort(missing_.begin(), missing_.end());
    std::string names;
    JsonWriter writer(names);
    writer.begin_array();
    for (const std::size_t upstream : missing_) writer.value(state().upstreams[upstream].name);
    writer.end_array();
    found += ",\"unavailable\":" + names;
  }
  found += "}";
  std::string result;
  JsonWriter writer(result);
  writer.begin_object();
  if (is_modern()) writer.member("resultType", "complete");
  writer.key("content").begin_array().begin_object();
  writer.member("type", "text").member("text", found).end_object().end_array();
  if (client().request().revision >= Revision::r2025_06_18) writer.raw_member("structuredContent", found);
  writer.end_object();
  state().answer(client(), result);
}

}  // namespace sluice
