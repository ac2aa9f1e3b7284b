// SPDX-License-Identifier: Apache-2.0
#include "gateway/federation_find.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "codec/json_writer.h"
#include "codec/jsonrpc.h"
#include "codec/utf8.h"

namespace sluice {

namespace {

constexpr std::size_t found_usually = 5;
constexpr std::size_t answer_share = 16;   // of what a message may have, at most
constexpr std::size_t ranking_share = 24;  // bytes that ranking needs for each byte it reads, at most

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

std::size_t text_bytes(const SearchedTool& tool) { return tool.name.size() + tool.description.size(); }

std::size_t bytes_of(const std::string& definition, const SearchedTool& tool) {
  return sizeof(std::string) + definition.size() + sizeof(SearchedTool) + text_bytes(tool);
}

// No more of a text than this, and no half of a character.
std::string cut(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  text.resize(bytes_max);
  text.resize(utf8_valid_prefix(text));
  return text;
}

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
    : FederatedCall(state, client),
      asker_(client.session()),
      gathered_(state.upstreams.size()),
      charge_(state.parts.reactor.budget()) {}

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
    const bool is_whole = gather(upstream, answer.page->show(state(), ListPlace{upstream, form}));
    const auto next = answer.page->facts.next_cursor;
    const bool may_go_on =
        is_whole && !missing_.contains(upstream) && pages_ < state().limits().federation.learned_pages_max;
    answer.page.reset();
    if (next && may_go_on) return ask(upstream, next);
    if (next || !is_whole) missing_.insert(upstream);
  } else if (answer.failure->code != rpc::method_not_found) {
    missing_.insert(upstream);
    state().warn(upstream, find_tool_name, answer.failure->message);
  }
  if (--awaited_ == 0 && !is_asking_) search();
}

// --- What is searched ---

bool FindToolCall::gather(std::size_t upstream, const ShownItems& shown) {
  const std::size_t text_max = state().limits().federation.searched_text_bytes_max;
  const PaddedString text("[" + shown.json + "]");
  Gathered& mine = gathered_[upstream];
  for (const JsonSpan span :
       json_children(text.view(), JsonSpan{0, 0, static_cast<std::uint32_t>(text.size())})) {
    SearchedTool tool{cut(string_in(text.view(), json_member(text.view(), span, "name")), text_max),
                      cut(string_in(text.view(), json_member(text.view(), span, "description")), text_max)};
    std::string definition(span.in(text.view()));
    const std::size_t bytes = bytes_of(definition, tool);
    if (!make_room(upstream, bytes)) return false;
    mine.definitions.push_back(std::move(definition));
    mine.tools.push_back(std::move(tool));
    mine.bytes += bytes;
  }
  return true;
}

// Who has most gives way, so that nobody's list keeps the others' from being found.
bool FindToolCall::make_room(std::size_t upstream, std::size_t bytes) {
  const std::size_t most = state().limits().federation.searched_bytes_max;
  while (charge_.bytes() + bytes > most) {
    const auto largest =
        std::max_element(gathered_.begin(), gathered_.end(),
                         [](const Gathered& a, const Gathered& b) { return a.bytes < b.bytes; });
    if (largest->bytes <= gathered_[upstream].bytes + bytes) return false;
    give_back_last(static_cast<std::size_t>(largest - gathered_.begin()));
  }
  return charge_.resize(charge_.bytes() + bytes);
}

void FindToolCall::give_back_last(std::size_t upstream) {
  Gathered& theirs = gathered_[upstream];
  const std::size_t bytes = bytes_of(theirs.definitions.back(), theirs.tools.back());
  theirs.definitions.pop_back();
  theirs.tools.pop_back();
  theirs.bytes -= bytes;
  (void)charge_.resize(charge_.bytes() - bytes);
  missing_.insert(upstream);
}

// --- The answer ---

std::string FindToolCall::best() {
  std::vector<SearchedTool> tools;
  std::vector<const std::string*> definitions;
  for (Gathered& one : gathered_) {
    std::move(one.tools.begin(), one.tools.end(), std::back_inserter(tools));
    for (const std::string& definition : one.definitions) definitions.push_back(&definition);
  }
  const std::size_t bytes_max = state().limits().json.message_bytes_max / answer_share;
  std::string found = "[";
  for (const std::size_t i : rank_tools(query_, tools, count_max_)) {
    if (found.size() + definitions[i]->size() > bytes_max) continue;
    found.append(found.size() > 1 ? "," : "").append(*definitions[i]);
  }
  return found + "]";
}

void FindToolCall::search() {
  std::size_t read = 0;
  for (const Gathered& one : gathered_)
    for (const SearchedTool& tool : one.tools) read += text_bytes(tool);
  if (!charge_.resize(charge_.bytes() + read * ranking_share))
    return state().refuse(client(), refusals::overloaded("there is no memory to look for tools in"));
  std::string found = "{\"tools\":" + best();
  if (!missing_.empty()) {
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
