// SPDX-License-Identifier: Apache-2.0
#include "mcp/merge.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "codec/json_writer.h"

namespace sluice {

namespace {

constexpr std::array<ListForm, 4> forms{{
    {MethodId::tools_list, "tools", "name"},
    {MethodId::prompts_list, "prompts", "name"},
    {MethodId::resources_list, "resources", "uri"},
    {MethodId::resources_templates_list, "resourceTemplates", "uriTemplate"},
}};

bool is_object(Bytes text, JsonSpan value) { return value && text[value.begin] == '{'; }
bool is_array(Bytes text, JsonSpan value) { return value && text[value.begin] == '['; }
bool is_string(Bytes text, JsonSpan value) { return value && text[value.begin] == '"'; }

// A member of what may be no object at all.
JsonSpan member_of(Bytes text, JsonSpan value, Bytes name) {
  return is_object(text, value) ? json_member(text, value, name) : JsonSpan{};
}

std::vector<JsonSpan> items_of(Bytes text, JsonSpan value) {
  return is_array(text, value) ? json_children(text, value) : std::vector<JsonSpan>();
}

// The decoded name of a member.
std::string key_of(Bytes text, JsonSpan member) {
  std::size_t end = member.key + 1;
  while (end < member.begin && text[end] != '"') end += text[end] == '\\' ? 2U : 1U;
  std::string name;
  if (!decode_json_string(text.substr(member.key, end + 1 - member.key), name)) name.clear();
  return name;
}

std::optional<std::int64_t> integer_in(Bytes text, JsonSpan value) {
  const Bytes raw = value.in(text);
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(raw.data(), raw.data() + raw.size(), number);
  if (!value || failure != std::errc() || end != raw.data() + raw.size()) return std::nullopt;
  return number;
}

void take_least(std::optional<std::int64_t>& least, bool& none, std::optional<std::int64_t> ttl) {
  if (!ttl) none = true;
  if (ttl && (!least || *ttl < *least)) least = *ttl;
}

// How long, and by whom, a merged result may be kept: as the strictest of its parts says.
void write_cache_hints(JsonWriter& writer, const std::optional<std::int64_t>& ttl_ms, bool no_ttl,
                       bool is_private, bool partial) {
  const bool may_keep = ttl_ms && !no_ttl && !partial;
  writer.member("ttlMs", may_keep ? std::max<std::int64_t>(*ttl_ms, 0) : 0);
  writer.member("cacheScope", is_private || !may_keep ? "private" : "public");
}

// `_meta` of a tool may name the resource that shows its results.
void rename_tool_page(Rewrite& rewrite, Bytes text, JsonSpan item, const Renames& renames) {
  const JsonSpan meta = member_of(text, item, "_meta");
  rewrite.put_string(text, member_of(text, meta, "ui/resourceUri"), renames.uri);
  rewrite.put_string(text, member_of(text, member_of(text, meta, "ui"), "resourceUri"), renames.uri);
}

// A content block: a link, or a resource that is embedded.
void rename_block(Rewrite& rewrite, Bytes text, JsonSpan block, const Renames& renames) {
  const JsonSpan type = member_of(text, block, "type");
  if (!is_string(text, type)) return;
  const std::string kind = string_in(text, type);
  if (kind == "resource_link") rewrite.put_string(text, member_of(text, block, "uri"), renames.uri);
  if (kind == "resource")
    rewrite.put_string(text, member_of(text, member_of(text, block, "resource"), "uri"), renames.uri);
}

// `content` is a block or a list of blocks.
void rename_content(Rewrite& rewrite, Bytes text, JsonSpan content, const Renames& renames) {
  rename_block(rewrite, text, content, renames);
  for (const JsonSpan block : items_of(text, content)) rename_block(rewrite, text, block, renames);
}

std::string quoted(Bytes text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

// Whole trees of capabilities are small; what is deeper than any of them is the first one's.
std::string merge_at(Bytes a, Bytes b, std::size_t depth) {
  const auto trimmed = [](Bytes text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    return first == Bytes::npos ? Bytes() : text.substr(first, text.find_last_not_of(" \t\r\n") + 1 - first);
  };
  a = trimmed(a);
  b = trimmed(b);
  if (a == "false" && b == "true") return "true";
  const bool are_objects = !a.empty() && !b.empty() && a.front() == '{' && b.front() == '{';
  if (!are_objects || depth == 0) return std::string(a);
  const JsonSpan whole_a{0, 0, static_cast<std::uint32_t>(a.size())};
  const JsonSpan whole_b{0, 0, static_cast<std::uint32_t>(b.size())};
  std::string out;
  JsonWriter writer(out);
  writer.begin_object();
  for (const JsonSpan member : json_children(a, whole_a)) {
    const std::string name = key_of(a, member);
    const JsonSpan other = json_member(b, whole_b, name);
    writer.key(name).raw(other ? merge_at(member.in(a), other.in(b), depth - 1) : std::string(member.in(a)));
  }
  for (const JsonSpan member : json_children(b, whole_b)) {
    const std::string name = key_of(b, member);
    if (!json_member(a, whole_a, name)) writer.raw_member(name, member.in(b));
  }
  writer.end_object();
  return out;
}

// Without what is not routed by a name: methods that only one of several servers could answer.
std::string routable(Bytes text, JsonSpan capabilities, bool keeps_tasks) {
  Rewrite rewrite;
  if (const JsonSpan tasks = member_of(text, capabilities, "tasks"); tasks && !keeps_tasks)
    rewrite.remove(tasks);
  const JsonSpan extensions = member_of(text, capabilities, "extensions");
  if (const JsonSpan skills = member_of(text, extensions, extension_text(Extension::skills)))
    rewrite.remove(skills);
  return rewrite.apply(text, capabilities);
}

}  // namespace

std::string string_in(Bytes text, JsonSpan value) {
  std::string out;
  if (!is_string(text, value) || !decode_json_string(value.in(text), out)) out.clear();
  return out;
}

void Rewrite::put_string(Bytes text, JsonSpan value, const std::function<std::string(Bytes)>& rename) {
  if (!is_string(text, value)) return;
  const std::string before = string_in(text, value);
  const std::string after = rename(before);
  if (after != before) put(value, quoted(after));
}

std::string Rewrite::apply(Bytes text, JsonSpan part) {
  std::string out;
  splice_.append_to(out, text, part);
  return out;
}

const ListForm* list_form(MethodId method) {
  const auto found = std::find_if(forms.begin(), forms.end(),
                                  [method](const ListForm& form) { return form.method == method; });
  return found == forms.end() ? nullptr : &*found;
}

Result<PageFacts> read_page(const ListForm& form, const Envelope& response) {
  const Bytes text = response.text;
  if (!form.items.empty() && !is_array(text, member_of(text, response.result, form.items)))
    return Error(Errc::invalid, "the result has no list '" + std::string(form.items) + "'");
  PageFacts facts;
  if (const JsonSpan next = member_of(text, response.result, "nextCursor"); is_string(text, next))
    facts.next_cursor = string_in(text, next);
  facts.ttl_ms = integer_in(text, member_of(text, response.result, "ttlMs"));
  facts.is_private = string_in(text, member_of(text, response.result, "cacheScope")) != "public";
  return facts;
}

ShownItems show_items(const ListForm& form, const Envelope& response, const Renames& renames) {
  const Bytes text = response.text;
  const bool is_tools = form.method == MethodId::tools_list;
  const Renames::Rename& rename = form.key == "uri"           ? renames.uri
                                  : form.key == "uriTemplate" ? renames.uri_template
                                                              : renames.name;
  ShownItems shown;
  for (const JsonSpan item : items_of(text, member_of(text, response.result, form.items))) {
    const JsonSpan key = member_of(text, item, form.key);
    if (!is_string(text, key)) continue;  // nobody could ask for it
    if (renames.admits && !renames.admits(string_in(text, key), item.in(text))) continue;
    Rewrite rewrite;
    rewrite.put_string(text, key, rename);
    if (is_tools) rename_tool_page(rewrite, text, item, renames);
    if (shown.count++ != 0) shown.json.push_back(',');
    shown.json += rewrite.apply(text, item);
  }
  return shown;
}

void MergedPage::add(const PageFacts& facts, const ShownItems& items) {
  if (count_ != 0 && items.count != 0) items_.push_back(',');
  items_ += items.json;
  count_ += items.count;
  take_least(ttl_ms_, no_ttl_, facts.ttl_ms);
  is_private_ = is_private_ || facts.is_private;
}

Result<PageFacts> MergedPage::add(const Envelope& response, const Renames& renames) {
  auto facts = read_page(form_, response);
  if (facts) add(*facts, show_items(form_, response, renames));
  return facts;
}

std::string MergedPage::result(Era era, const std::optional<std::string>& next_cursor, Bytes own_meta) const {
  std::string out;
  out.reserve(items_.size() + 256);
  JsonWriter writer(out);
  writer.begin_object();
  if (era == Era::modern) writer.member("resultType", "complete");
  writer.raw_member(form_.items, "[" + items_ + "]");
  if (next_cursor) writer.member("nextCursor", *next_cursor);
  if (era == Era::modern) write_cache_hints(writer, ttl_ms_, no_ttl_, is_private_, partial_);
  if (!own_meta.empty()) writer.raw_member("_meta", own_meta);
  writer.end_object();
  return out;
}

void MergedServers::expects_more() {
  partial_ = true;
  capabilities_ = merge_json(capabilities_, R"({"tools":{"listChanged":true}})");
}

void MergedServers::add(Bytes server, const Envelope& response, milliseconds age) {
  const Bytes text = response.text;
  const JsonSpan capabilities = member_of(text, response.result, "capabilities");
  if (is_object(text, capabilities))
    capabilities_ = merge_json(capabilities_, routable(text, capabilities, tasks_));
  const std::string instructions = string_in(text, member_of(text, response.result, "instructions"));
  if (!instructions.empty()) {
    if (!instructions_.empty()) instructions_ += "\n\n";
    if (!server.empty()) instructions_.append("# ").append(server).append("\n\n");
    instructions_ += instructions;
  }
  auto ttl = integer_in(text, member_of(text, response.result, "ttlMs"));
  if (ttl) ttl = *ttl - age.count();
  take_least(ttl_ms_, no_ttl_, ttl);
  is_private_ = is_private_ || string_in(text, member_of(text, response.result, "cacheScope")) != "public";
}

std::string MergedServers::initialize_result(Revision revision, Bytes server_info) const {
  std::string out;
  JsonWriter writer(out);
  writer.begin_object().member("protocolVersion", revision_text(revision));
  writer.raw_member("capabilities", capabilities_).raw_member("serverInfo", server_info);
  if (!instructions_.empty()) writer.member("instructions", instructions_);
  writer.end_object();
  return out;
}

std::string MergedServers::discover_result(const std::vector<Revision>& revisions, Bytes server_info) const {
  std::string out;
  JsonWriter writer(out);
  writer.begin_object().member("resultType", "complete").key("supportedVersions").begin_array();
  for (const Revision revision : revisions) writer.value(revision_text(revision));
  writer.end_array().raw_member("capabilities", capabilities_);
  if (!instructions_.empty()) writer.member("instructions", instructions_);
  write_cache_hints(writer, ttl_ms_, no_ttl_, is_private_, partial_);
  writer.key("_meta").begin_object();
  writer.raw_member("io.modelcontextprotocol/serverInfo", server_info).end_object().end_object();
  return out;
}

std::string merge_json(Bytes a, Bytes b) {
  const PaddedString first(a), second(b);
  return merge_at(first.view(), second.view(), JsonLimits{}.depth_max);
}

void rename_uris(Rewrite& rewrite, const Envelope& response, const Renames& renames) {
  const Bytes text = response.text;
  if (!response.result || response.view(response.result).find("\"uri\"") == Bytes::npos) return;
  for (const JsonSpan item : items_of(text, member_of(text, response.result, "contents")))
    rewrite.put_string(text, member_of(text, item, "uri"), renames.uri);
  rename_content(rewrite, text, member_of(text, response.result, "content"), renames);
  for (const JsonSpan message : items_of(text, member_of(text, response.result, "messages")))
    rename_content(rewrite, text, member_of(text, message, "content"), renames);
}

void name_asker(Rewrite& rewrite, Bytes text, Bytes method, JsonSpan params, Bytes server) {
  if (!is_object(text, params)) return;
  const std::string who(server);
  if (method == method_of(MethodId::elicitation_create).text)
    rewrite.put_string(text, member_of(text, params, "message"),
                       [&who](Bytes message) { return "[" + who + "] " + std::string(message); });
  if (method != method_of(MethodId::sampling_create_message).text) return;
  const JsonSpan prompt = member_of(text, params, "systemPrompt");
  std::string names = "This request comes from the MCP server '" + who + "'.";
  if (const std::string before = string_in(text, prompt); !before.empty()) names += "\n\n" + before;
  rewrite.set(params, prompt, "systemPrompt", quoted(names));
  if (const JsonSpan context = member_of(text, params, "includeContext")) rewrite.put(context, "\"none\"");
}

void name_askers(Rewrite& rewrite, Bytes text, JsonSpan object, Bytes server) {
  const JsonSpan requests = member_of(text, object, "inputRequests");
  if (!is_object(text, requests)) return;
  for (const JsonSpan request : json_children(text, requests))
    name_asker(rewrite, text, string_in(text, member_of(text, request, "method")),
               member_of(text, request, "params"), server);
}

}  // namespace sluice
