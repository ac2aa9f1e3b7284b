// SPDX-License-Identifier: Apache-2.0
#pragma once
// Results of several servers as those of one: pages of lists, capabilities and instructions, and the places
// in a server's messages where its names and URIs stand.
//
// What peers wrote is copied as text and changed by splicing: numbers, unknown members and their order stay.
// Knows where names are, not how they are changed: `Renames` are the caller's. Pure, one thread. Spec: schema
// of every revision; ledger D5, D6.9.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/result.h"
#include "codec/json_scan.h"
#include "codec/json_splice.h"
#include "mcp/methods.h"
#include "mcp/revision.h"

namespace sluice {

// What clients see instead of a name, a URI or a URI template of one server.
struct Renames {
  using Rename = std::function<std::string(Bytes)>;
  Rename name;
  Rename uri;
  Rename uri_template;
  // Whether clients may know of an item of a list, by what its server knows it by. Empty: of all.
  std::function<bool(Bytes key, Bytes item)> admits = {};
};

// A splice that owns what it puts in.
class Rewrite {
 public:
  void put(JsonSpan value, std::string json) { splice_.replace(value, keep(std::move(json))); }
  // A string in place of another; nothing happens when they are the same.
  void put_string(Bytes text, JsonSpan value, const std::function<std::string(Bytes)>& rename);
  void set(JsonSpan object, JsonSpan member, Bytes name, std::string json) {
    splice_.set(object, member, name, keep(std::move(json)));
  }
  void remove(JsonSpan member) { splice_.remove(member); }
  [[nodiscard]] bool empty() const { return splice_.empty(); }
  [[nodiscard]] std::string apply(Bytes text, JsonSpan part);

 private:
  [[nodiscard]] Bytes keep(std::string json) { return kept_.emplace_back(std::move(json)); }

  std::deque<std::string> kept_;
  JsonSplice splice_;
};

// A list: one of the four, or another.
struct ListForm {
  MethodId method;
  std::string_view items;  // the member of the result; empty for a result without any
  std::string_view key;  // the member of an item that its server knows it by: its URI, its template or a name
};
// That of one of the four; null for any other method.
[[nodiscard]] const ListForm* list_form(MethodId method);

// What a page says beside its items.
struct PageFacts {
  std::optional<std::string> next_cursor;  // "" is one, too
  std::optional<std::int64_t> ttl_ms;
  bool is_private = false;
};
// An error, with a sentence, when the result is no page of this list.
[[nodiscard]] Result<PageFacts> read_page(const ListForm& form, const Envelope& response);

// Items as clients see them, with commas between.
struct ShownItems {
  std::string json;
  std::size_t count = 0;
};
// Those of a page that read_page() has taken.
[[nodiscard]] ShownItems show_items(const ListForm& form, const Envelope& response, const Renames& renames);

// Pages of several servers put on one, in the order in which they are added.
class MergedPage {
 public:
  explicit MergedPage(const ListForm& form) : form_(form) {}

  void add(const PageFacts& facts, const ShownItems& items);
  // A page as its server sent it. An error, with a sentence, when it is none; then nothing was added.
  [[nodiscard]] Result<PageFacts> add(const Envelope& response, const Renames& renames);
  // It is shaped for its caller.
  void is_private() { is_private_ = true; }
  // A server is missing: nobody may keep this page.
  void is_partial() { partial_ = true; }

  [[nodiscard]] std::size_t items() const { return count_; }
  // The whole result. `own_meta` is the text of an object, or empty.
  [[nodiscard]] std::string result(Era era, const std::optional<std::string>& next_cursor,
                                   Bytes own_meta) const;

 private:
  const ListForm& form_;
  std::string items_;
  std::size_t count_ = 0;
  std::optional<std::int64_t> ttl_ms_;
  bool no_ttl_ = false;  // a page had none
  bool is_private_ = false;
  bool partial_ = false;
};

// What several servers say of themselves, as one server.
class MergedServers {
 public:
  // `tasks`: those of 2025-11-25 are routed.
  explicit MergedServers(bool tasks = false) : tasks_(tasks) {}

  // A result of `initialize` or of `server/discover` that is so old. Without a name its instructions have no
  // heading.
  void add(Bytes server, const Envelope& response, milliseconds age = milliseconds(0));
  void is_partial() { partial_ = true; }
  // A server of which nothing is known is missing, and its tools may come.
  void expects_more();

  [[nodiscard]] std::string initialize_result(Revision revision, Bytes server_info) const;
  [[nodiscard]] std::string discover_result(const std::vector<Revision>& revisions, Bytes server_info) const;

 private:
  std::string capabilities_ = "{}";
  std::string instructions_;
  std::optional<std::int64_t> ttl_ms_;
  bool no_ttl_ = false;
  bool is_private_ = false;
  bool partial_ = false;
  bool tasks_;
};

// The union of two JSON values: objects member by member, true over false, else the first. Both are JSON
// texts.
[[nodiscard]] std::string merge_json(Bytes a, Bytes b);

// Puts the client's URIs into the result of a call: links, embedded resources, contents. Nothing is read when
// the text has no "uri".
void rename_uris(Rewrite& rewrite, const Envelope& response, const Renames& renames);

// Says who asks: the message of an elicitation and the system prompt of a sampling request name the server;
// includeContext, which would reach into other servers, becomes "none". `params` is those of the ask.
void name_asker(Rewrite& rewrite, Bytes text, Bytes method, JsonSpan params, Bytes server);

// The questions of an `input_required` result, or of another object that has `inputRequests`, by name_asker.
void name_askers(Rewrite& rewrite, Bytes text, JsonSpan object, Bytes server);

// The decoded value of a string in `text`; empty when it is none.
[[nodiscard]] std::string string_in(Bytes text, JsonSpan value);

}  // namespace sluice
