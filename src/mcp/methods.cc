// SPDX-License-Identifier: Apache-2.0
#include "mcp/methods.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace sluice {

namespace {

constexpr RevisionSet r2411 = revision_bit(Revision::r2024_11_05);
constexpr RevisionSet r2503 = revision_bit(Revision::r2025_03_26);
constexpr RevisionSet r2506 = revision_bit(Revision::r2025_06_18);
constexpr RevisionSet r2511 = revision_bit(Revision::r2025_11_25);
constexpr RevisionSet r2607 = revision_bit(Revision::r2026_07_28);
constexpr RevisionSet legacy = r2411 | r2503 | r2506 | r2511;
constexpr RevisionSet every = legacy | r2607;
constexpr RevisionSet none = 0;

using Id = MethodId;
using Cap = ServerCapability;
constexpr MethodKind notification = MethodKind::notification;

// Sorted by text, which is also the order of MethodId; tests hold both.
constexpr std::array table{
    Method{.text = "completion/complete",
           .id = Id::completion_complete,
           .from_client = every,
           .needs = Cap::completions},
    Method{.text = "elicitation/create",
           .id = Id::elicitation_create,
           .from_server = r2506 | r2511,
           .is_ask = true},
    Method{.text = "initialize", .id = Id::initialize, .from_client = legacy},
    Method{.text = "logging/setLevel",
           .id = Id::logging_set_level,
           .from_client = legacy,
           .needs = Cap::logging},
    Method{.text = "notifications/cancelled",
           .id = Id::notify_cancelled,
           .kind = notification,
           .from_client = every,
           .from_server = every},
    Method{.text = "notifications/elicitation/complete",
           .id = Id::notify_elicitation_complete,
           .kind = notification,
           .from_server = r2511},
    Method{.text = "notifications/initialized",
           .id = Id::notify_initialized,
           .kind = notification,
           .from_client = legacy},
    Method{.text = "notifications/message",
           .id = Id::notify_message,
           .kind = notification,
           .from_server = every,
           .needs = Cap::logging},
    Method{.text = "notifications/progress",
           .id = Id::notify_progress,
           .kind = notification,
           .from_client = legacy,
           .from_server = every},
    Method{.text = "notifications/prompts/list_changed",
           .id = Id::notify_prompts_changed,
           .kind = notification,
           .from_server = every,
           .needs = Cap::prompts},
    Method{.text = "notifications/resources/list_changed",
           .id = Id::notify_resources_changed,
           .kind = notification,
           .from_server = every,
           .needs = Cap::resources},
    Method{.text = "notifications/resources/updated",
           .id = Id::notify_resources_updated,
           .kind = notification,
           .from_server = every,
           .needs = Cap::resources_subscribe},
    Method{.text = "notifications/roots/list_changed",
           .id = Id::notify_roots_changed,
           .kind = notification,
           .from_client = legacy},
    Method{.text = "notifications/subscriptions/acknowledged",
           .id = Id::notify_subscriptions_acknowledged,
           .kind = notification,
           .from_server = r2607},
    Method{.text = "notifications/tasks",
           .id = Id::notify_tasks,
           .kind = notification,
           .from_server = none,
           .extension = Extension::tasks,
           .extension_in = r2607},
    Method{.text = "notifications/tasks/status",
           .id = Id::notify_tasks_status,
           .kind = notification,
           .from_client = r2511,
           .from_server = r2511},
    Method{.text = "notifications/tools/list_changed",
           .id = Id::notify_tools_changed,
           .kind = notification,
           .from_server = every,
           .needs = Cap::tools},
    Method{.text = "ping", .id = Id::ping, .from_client = legacy, .from_server = legacy},
    Method{.text = "prompts/get",
           .id = Id::prompts_get,
           .from_client = every,
           .name_at = NameAt::name,
           .may_ask = true,
           .needs = Cap::prompts},
    Method{.text = "prompts/list",
           .id = Id::prompts_list,
           .from_client = every,
           .cacheable = true,
           .needs = Cap::prompts},
    Method{.text = "resources/directory/read",
           .id = Id::resources_directory_read,
           .extension = Extension::skills,
           .extension_in = r2607},
    Method{.text = "resources/list",
           .id = Id::resources_list,
           .from_client = every,
           .cacheable = true,
           .needs = Cap::resources},
    Method{.text = "resources/read",
           .id = Id::resources_read,
           .from_client = every,
           .name_at = NameAt::uri,
           .may_ask = true,
           .cacheable = true,
           .needs = Cap::resources},
    Method{.text = "resources/subscribe",
           .id = Id::resources_subscribe,
           .from_client = legacy,
           .needs = Cap::resources_subscribe},
    Method{.text = "resources/templates/list",
           .id = Id::resources_templates_list,
           .from_client = every,
           .cacheable = true,
           .needs = Cap::resources},
    Method{.text = "resources/unsubscribe",
           .id = Id::resources_unsubscribe,
           .from_client = legacy,
           .needs = Cap::resources_subscribe},
    Method{.text = "roots/list", .id = Id::roots_list, .from_server = legacy, .is_ask = true},
    Method{.text = "sampling/createMessage",
           .id = Id::sampling_create_message,
           .from_server = legacy,
           .is_ask = true},
    Method{.text = "server/discover", .id = Id::server_discover, .from_client = r2607, .cacheable = true},
    Method{.text = "skills/get", .id = Id::skills_get, .extension = Extension::skills, .extension_in = r2607},
    Method{
        .text = "skills/list", .id = Id::skills_list, .extension = Extension::skills, .extension_in = r2607},
    Method{.text = "subscriptions/listen", .id = Id::subscriptions_listen, .from_client = r2607},
    Method{.text = "tasks/cancel",
           .id = Id::tasks_cancel,
           .from_client = r2511,
           .from_server = r2511,
           .name_at = NameAt::task_id,
           .needs = Cap::tasks,
           .extension = Extension::tasks,
           .extension_in = r2607},
    Method{.text = "tasks/get",
           .id = Id::tasks_get,
           .from_client = r2511,
           .from_server = r2511,
           .name_at = NameAt::task_id,
           .needs = Cap::tasks,
           .extension = Extension::tasks,
           .extension_in = r2607},
    Method{.text = "tasks/list",
           .id = Id::tasks_list,
           .from_client = r2511,
           .from_server = r2511,
           .needs = Cap::tasks},
    Method{.text = "tasks/result",
           .id = Id::tasks_result,
           .from_client = r2511,
           .from_server = r2511,
           .needs = Cap::tasks},
    Method{.text = "tasks/update",
           .id = Id::tasks_update,
           .name_at = NameAt::task_id,
           .extension = Extension::tasks,
           .extension_in = r2607},
    Method{.text = "tools/call",
           .id = Id::tools_call,
           .from_client = every,
           .name_at = NameAt::name,
           .may_ask = true,
           .needs = Cap::tools},
    Method{.text = "tools/list",
           .id = Id::tools_list,
           .from_client = every,
           .cacheable = true,
           .needs = Cap::tools},
};

}  // namespace

const Method* find_method(std::string_view text) {
  const auto* place =
      std::lower_bound(table.begin(), table.end(), text,
                       [](const Method& method, std::string_view t) { return method.text < t; });
  return place != table.end() && place->text == text ? place : nullptr;
}

const Method& method_of(MethodId id) {
  const auto index = static_cast<std::size_t>(id);
  CHECK(index < table.size());
  return table[index];
}

std::span<const Method> all_methods() { return table; }

Standing standing(const Method& method, Sender sender, Revision revision) {
  const RevisionSet bit = revision_bit(revision);
  const RevisionSet core = sender == Sender::client ? method.from_client : method.from_server;
  if ((core & bit) != 0) return Standing::core;
  // Requests of extensions come from clients, their notifications from servers.
  const Sender by = method.kind == MethodKind::request ? Sender::client : Sender::server;
  return (method.extension_in & bit) != 0 && sender == by ? Standing::extension : Standing::absent;
}

std::string_view server_capability_text(ServerCapability capability) {
  switch (capability) {
    case ServerCapability::none: return {};
    case ServerCapability::completions: return "completions";
    case ServerCapability::logging: return "logging";
    case ServerCapability::prompts: return "prompts";
    case ServerCapability::resources: return "resources";
    case ServerCapability::resources_subscribe: return "resources.subscribe";
    case ServerCapability::tasks: return "tasks";
    case ServerCapability::tools: return "tools";
  }
  return {};
}

std::string_view extension_text(Extension extension) {
  switch (extension) {
    case Extension::none: return {};
    case Extension::tasks: return "io.modelcontextprotocol/tasks";
    case Extension::skills: return "io.modelcontextprotocol/skills";
  }
  return {};
}

}  // namespace sluice
