// SPDX-License-Identifier: Apache-2.0
#include "mcp/capabilities.h"

#include <algorithm>

namespace sluice {

namespace {

// The member, null when absent; an error when it is there and no object.
Result<const Json*> object_at(const Json& json, std::string_view name) {
  const Json* member = json.find(name);
  if (member != nullptr && !member->is_object())
    return Error(Errc::invalid, "\"" + std::string(name) + "\" must be an object");
  return member;
}

// Every member of the object is an object.
Status check_objects(const Json& json, std::string_view name) {
  const auto object = object_at(json, name);
  if (!object) return object.error();
  if (*object == nullptr) return {};
  for (const JsonMember& member : (*object)->members())
    if (!member.value.is_object())
      return Error(Errc::invalid,
                   "\"" + member.name + "\" in \"" + std::string(name) + "\" must be an object");
  return {};
}

Status read_elicitation(const Json& json, Revision revision, ClientCapabilities& out) {
  if (revision < Revision::r2025_06_18) return {};
  const auto elicitation = object_at(json, "elicitation");
  if (!elicitation) return elicitation.error();
  if (*elicitation == nullptr) return {};
  if (revision < Revision::r2025_11_25) {
    out.elicitation_form = true;
    return {};
  }
  const auto form = object_at(**elicitation, "form");
  if (!form) return form.error();
  const auto url = object_at(**elicitation, "url");
  if (!url) return url.error();
  out.elicitation_url = *url != nullptr;
  out.elicitation_form =
      *form != nullptr || *url == nullptr;  // `{}` means forms, as before there were two modes
  return {};
}

Status read_sampling(const Json& json, Revision revision, ClientCapabilities& out) {
  const auto sampling = object_at(json, "sampling");
  if (!sampling) return sampling.error();
  if (*sampling == nullptr) return {};
  out.sampling = true;
  if (revision < Revision::r2025_11_25) return {};
  const auto tools = object_at(**sampling, "tools");
  if (!tools) return tools.error();
  const auto context = object_at(**sampling, "context");
  if (!context) return context.error();
  out.sampling_tools = *tools != nullptr;
  out.sampling_context = *context != nullptr;
  return {};
}

Status read_roots(const Json& json, Revision revision, ClientCapabilities& out) {
  const auto roots = object_at(json, "roots");
  if (!roots) return roots.error();
  if (*roots == nullptr) return {};
  out.roots = true;
  if (era_of(revision) == Era::modern) return {};
  const Json* changed = (*roots)->find("listChanged");
  if (changed == nullptr) return {};
  if (!changed->as_bool()) return Error(Errc::invalid, "\"listChanged\" must be a boolean");
  out.roots_list_changed = changed->bool_or(false);
  return {};
}

Status read_tasks(const Json& json, Revision revision, ClientCapabilities& out) {
  if (revision != Revision::r2025_11_25) return {};
  const auto tasks = object_at(json, "tasks");
  if (!tasks) return tasks.error();
  if (*tasks == nullptr) return {};
  for (const std::string_view name : {"list", "cancel", "requests"})
    if (const auto member = object_at(**tasks, name); !member) return member.error();
  for (const std::string_view name : {"elicitation", "sampling"})
    if (Status status = check_objects((**tasks)["requests"], name); !status) return status;
  out.tasks = true;
  return {};
}

Status read_extensions(const Json& json, Revision revision, ClientCapabilities& out) {
  if (era_of(revision) != Era::modern) return {};
  if (Status status = check_objects(json, "extensions"); !status) return status;
  for (const JsonMember& extension : json["extensions"].members()) {
    // An identifier has a prefix; whatever has none is nobody's extension.
    const std::size_t slash = extension.name.find('/');
    if (slash != std::string::npos && slash != 0) out.extensions.push_back(extension.name);
  }
  return {};
}

}  // namespace

bool ClientCapabilities::has_extension(std::string_view identifier) const {
  return std::find(extensions.begin(), extensions.end(), identifier) != extensions.end();
}

std::uint8_t ClientCapabilities::capability_class() const {
  const bool flags[] = {elicitation_form, elicitation_url, sampling, sampling_tools, sampling_context, roots};
  unsigned bits = 0;
  for (unsigned i = 0; i < std::size(flags); ++i) bits |= flags[i] ? 1U << i : 0U;
  return static_cast<std::uint8_t>(bits);
}

Result<ClientCapabilities> parse_client_capabilities(const Json& json, Revision revision) {
  if (!json.is_object()) return Error(Errc::invalid, "capabilities must be an object");
  ClientCapabilities out;
  if (Status status = check_objects(json, "experimental"); !status) return status.error();
  for (const auto read : {read_elicitation, read_sampling, read_roots, read_tasks, read_extensions})
    if (Status status = read(json, revision, out); !status) return status.error();
  return out;
}

Json capabilities_json(const ClientCapabilities& capabilities, Revision revision) {
  Json json = Json::object();
  const bool modes = revision >= Revision::r2025_11_25;  // since then elicitation and sampling have members
  if (revision >= Revision::r2025_06_18 &&
      (capabilities.elicitation_form || (modes && capabilities.elicitation_url))) {
    Json& elicitation = json.set("elicitation", Json::object());
    if (modes && capabilities.elicitation_form) elicitation.set("form", Json::object());
    if (modes && capabilities.elicitation_url) elicitation.set("url", Json::object());
  }
  if (capabilities.sampling) {
    Json& sampling = json.set("sampling", Json::object());
    if (modes && capabilities.sampling_tools) sampling.set("tools", Json::object());
    if (modes && capabilities.sampling_context) sampling.set("context", Json::object());
  }
  if (capabilities.roots) {
    Json& roots = json.set("roots", Json::object());
    if (era_of(revision) == Era::legacy && capabilities.roots_list_changed) roots.set("listChanged", true);
  }
  if (revision == Revision::r2025_11_25 && capabilities.tasks) json.set("tasks", Json::object());
  if (era_of(revision) == Era::modern && !capabilities.extensions.empty()) {
    Json& extensions = json.set("extensions", Json::object());
    for (const std::string& identifier : capabilities.extensions) extensions.set(identifier, Json::object());
  }
  return json;
}

std::optional<std::string> missing_capability_for(const ClientCapabilities& capabilities,
                                                  std::string_view method, const Json& params) {
  if (method == "roots/list")
    return capabilities.roots ? std::nullopt : std::optional<std::string>(R"({"roots":{}})");
  if (method == "sampling/createMessage") {
    const bool tools = params.contains("tools") || params.contains("toolChoice");
    if (tools && !(capabilities.sampling && capabilities.sampling_tools))
      return R"({"sampling":{"tools":{}}})";
    return capabilities.sampling ? std::nullopt : std::optional<std::string>(R"({"sampling":{}})");
  }
  if (method == "elicitation/create") {
    if (params["mode"].string_or("form") == "url")
      return capabilities.elicitation_url ? std::nullopt
                                          : std::optional<std::string>(R"({"elicitation":{"url":{}}})");
    return capabilities.elicitation_form ? std::nullopt
                                         : std::optional<std::string>(R"({"elicitation":{"form":{}}})");
  }
  return "{}";
}

}  // namespace sluice
