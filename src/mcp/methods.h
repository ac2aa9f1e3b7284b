// SPDX-License-Identifier: Apache-2.0
#pragma once
// The one table of MCP's methods and notifications: who may send what in which revision, and what Sluice has
// to know of each to route it.
//
// Everybody asks here; nobody else compares method names to decide a rule. Knows no message, only texts.
// Methods of extensions are listed so that their headers can be checked, and are otherwise strangers that are
// forwarded. Constant data, any thread. Spec: schema.ts of each revision; mcp-protocol of the ledger, part B.

#include <cstdint>
#include <span>
#include <string_view>

#include "mcp/revision.h"

namespace sluice {

enum class MethodId : std::uint8_t {
  completion_complete,
  elicitation_create,
  initialize,
  logging_set_level,
  notify_cancelled,
  notify_elicitation_complete,
  notify_initialized,
  notify_message,
  notify_progress,
  notify_prompts_changed,
  notify_resources_changed,
  notify_resources_updated,
  notify_roots_changed,
  notify_subscriptions_acknowledged,
  notify_tasks,
  notify_tasks_status,
  notify_tools_changed,
  ping,
  prompts_get,
  prompts_list,
  resources_directory_read,
  resources_list,
  resources_read,
  resources_subscribe,
  resources_templates_list,
  resources_unsubscribe,
  roots_list,
  sampling_create_message,
  server_discover,
  skills_get,
  skills_list,
  subscriptions_listen,
  tasks_cancel,
  tasks_get,
  tasks_list,
  tasks_result,
  tasks_update,
  tools_call,
  tools_list,
};

enum class MethodKind : std::uint8_t { request, notification };
enum class Sender : std::uint8_t { client, server };

// Which member of params goes into the Mcp-Name header.
enum class NameAt : std::uint8_t { nowhere, name, uri, task_id };

// What a server must have declared for clients to send the method, as a member of its capabilities.
enum class ServerCapability : std::uint8_t {
  none,
  completions,
  logging,
  prompts,
  resources,
  resources_subscribe,
  tasks,
  tools
};

// Extensions whose methods the table knows by name.
enum class Extension : std::uint8_t { none, tasks, skills };

// A set of revisions, a bit each.
using RevisionSet = std::uint8_t;

struct Method {
  std::string_view text;
  MethodId id;
  MethodKind kind = MethodKind::request;
  RevisionSet from_client = 0;  // revisions in which a client may send it
  RevisionSet from_server = 0;  // revisions in which a server may send it
  NameAt name_at = NameAt::nowhere;
  bool may_ask = false;    // its modern result may be `input_required`
  bool cacheable = false;  // its modern result carries ttlMs and cacheScope
  bool is_ask = false;     // a question to the client: a request in legacy, an inputRequest in modern
  ServerCapability needs = ServerCapability::none;
  Extension extension = Extension::none;
  RevisionSet extension_in = 0;  // revisions in which it exists as part of the extension only
};

// Null for a text that is none of ours. Case-exact; no allocation.
[[nodiscard]] const Method* find_method(std::string_view text);
[[nodiscard]] const Method& method_of(MethodId id);
// All, in order of their texts.
[[nodiscard]] std::span<const Method> all_methods();

[[nodiscard]] constexpr RevisionSet revision_bit(Revision revision) {
  return static_cast<RevisionSet>(1U << static_cast<unsigned>(revision));
}

// How a revision looks at a method that this side sends.
enum class Standing : std::uint8_t {
  absent,  // not of this revision: removed, not yet invented, or the other side's
  core,
  extension,  // exists only where an extension is negotiated
};
[[nodiscard]] Standing standing(const Method& method, Sender sender, Revision revision);

// The name of the capability as a member path of ServerCapabilities ("resources.subscribe"); empty for
// `none`.
[[nodiscard]] std::string_view server_capability_text(ServerCapability capability);
// The extension's identifier in `capabilities.extensions`; empty for `none`.
[[nodiscard]] std::string_view extension_text(Extension extension);

}  // namespace sluice
