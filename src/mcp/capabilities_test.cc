// SPDX-License-Identifier: Apache-2.0
#include "mcp/capabilities.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

constexpr Revision oldest = Revision::r2024_11_05;
constexpr Revision forms = Revision::r2025_06_18;
constexpr Revision modes = Revision::r2025_11_25;
constexpr Revision modern = Revision::r2026_07_28;

Json parsed(const char* text) { return *Json::parse(text); }

// The flags that are set, a letter each; "!" when refused.
std::string flags(const char* text, Revision revision) {
  const auto c = parse_client_capabilities(parsed(text), revision);
  if (!c) return "!";
  std::string out;
  const auto add = [&out](bool flag, const char* name) {
    if (flag) out += (out.empty() ? "" : " ") + std::string(name);
  };
  add(c->elicitation_form, "form");
  add(c->elicitation_url, "url");
  add(c->sampling, "sampling");
  add(c->sampling_tools, "tools");
  add(c->sampling_context, "context");
  add(c->roots, "roots");
  add(c->roots_list_changed, "changed");
  add(c->tasks, "tasks");
  for (const std::string& extension : c->extensions) add(true, extension.c_str());
  return out;
}

TEST(ClientCapabilities, AreReadByTheRulesOfTheRevision) {
  struct Row {
    const char* text;
    Revision revision;
    const char* flags;
  };
  const Row rows[] = {
      {"{}", oldest, ""},
      {R"({"roots":{"listChanged":true},"sampling":{}})", oldest, "sampling roots changed"},
      {R"({"elicitation":{}})", oldest, ""},
      {R"({"elicitation":{}})", forms, "form"},
      {R"({"elicitation":{"url":{}}})", forms, "form"},
      {R"({"elicitation":{}})", modes, "form"},
      {R"({"elicitation":{"form":{}}})", modes, "form"},
      {R"({"elicitation":{"url":{}}})", modes, "url"},
      {R"({"elicitation":{"form":{},"url":{}}})", modern, "form url"},
      {R"({"sampling":{"tools":{},"context":{}}})", forms, "sampling"},
      {R"({"sampling":{"tools":{},"context":{}}})", modes, "sampling tools context"},
      {R"({"tasks":{"list":{},"requests":{"sampling":{"createMessage":{}}}}})", modes, "tasks"},
      {R"({"tasks":{}})", modern, ""},
      {R"({"tasks":{}})", forms, ""},
      {R"({"roots":{"listChanged":true}})", modern, "roots"},
      {R"({"extensions":{"io.modelcontextprotocol/tasks":{},"noprefix":{}}})", modern,
       "io.modelcontextprotocol/tasks"},
      {R"({"extensions":{"io.modelcontextprotocol/ui":{}}})", modes, ""},
      {R"({"experimental":{"x":{"y":1}},"vendor":5})", modes, ""},
  };
  for (const Row& row : rows) EXPECT_EQ(flags(row.text, row.revision), row.flags) << row.text;
}

TEST(ClientCapabilities, ThatBreakTheirSchemaAreRefused) {
  for (const char* text :
       {"[]", "null", R"("x")", R"({"sampling":true})", R"({"sampling":{"tools":true}})",
        R"({"sampling":{"context":1}})", R"({"roots":null})", R"({"roots":{"listChanged":"yes"}})",
        R"({"elicitation":[]})", R"({"elicitation":{"form":true}})", R"({"elicitation":{"url":""}})",
        R"({"experimental":[]})", R"({"experimental":{"x":1}})", R"({"tasks":true})",
        R"({"tasks":{"list":true}})", R"({"tasks":{"requests":{"sampling":{"createMessage":1}}}})"})
    EXPECT_EQ(flags(text, modes), "!") << text;
  EXPECT_EQ(flags(R"({"extensions":{"a/b":1}})", modern), "!");
  EXPECT_EQ(flags(R"({"extensions":[]})", modern), "!");
  const auto error = parse_client_capabilities(parsed(R"({"sampling":true})"), modes);
  EXPECT_NE(error.error().message.find("sampling"), std::string::npos);
}

TEST(ClientCapabilities, AreWrittenInTheFormOfTheRevision) {
  ClientCapabilities all;
  all.elicitation_form = all.elicitation_url = all.sampling = all.sampling_tools = all.roots = true;
  all.roots_list_changed = all.tasks = true;
  all.extensions = {"a/b"};
  EXPECT_EQ(capabilities_json(all, oldest).dump(), R"({"sampling":{},"roots":{"listChanged":true}})");
  EXPECT_EQ(capabilities_json(all, forms).dump(),
            R"({"elicitation":{},"sampling":{},"roots":{"listChanged":true}})");
  EXPECT_EQ(
      capabilities_json(all, modes).dump(),
      R"({"elicitation":{"form":{},"url":{}},"sampling":{"tools":{}},"roots":{"listChanged":true},"tasks":{}})");
  EXPECT_EQ(
      capabilities_json(all, modern).dump(),
      R"({"elicitation":{"form":{},"url":{}},"sampling":{"tools":{}},"roots":{},"extensions":{"a/b":{}}})");
  EXPECT_EQ(capabilities_json({}, modern).dump(), "{}");
  ClientCapabilities url_only;
  url_only.elicitation_url = true;
  EXPECT_EQ(capabilities_json(url_only, forms).dump(), "{}");
}

TEST(ClientCapabilities, ComeBackAsTheyWereWritten) {
  for (unsigned bits = 0; bits < 64; ++bits) {
    ClientCapabilities c;
    c.elicitation_form = (bits & 1) != 0;
    c.elicitation_url = (bits & 2) != 0;
    c.sampling = (bits & 4) != 0;
    c.sampling_tools = c.sampling && (bits & 8) != 0;
    c.sampling_context = c.sampling && (bits & 16) != 0;
    c.roots = (bits & 32) != 0;
    EXPECT_EQ(*parse_client_capabilities(capabilities_json(c, modern), modern), c) << bits;
  }
}

TEST(ClientCapabilities, FallIntoClassesByWhatMakesADifference) {
  ClientCapabilities a, b;
  a.sampling = b.sampling = true;
  a.roots_list_changed = true;
  a.extensions = {"a/b"};
  EXPECT_EQ(a.capability_class(), b.capability_class());
  b.sampling_tools = true;
  EXPECT_NE(a.capability_class(), b.capability_class());
  EXPECT_TRUE(a.has_extension("a/b"));
  EXPECT_FALSE(a.has_extension("a"));
}

TEST(MissingCapability, IsNamedForEachKindOfQuestion) {
  struct Row {
    const char* declared;
    const char* method;
    const char* params;
    const char* missing;  // "" when nothing is
  };
  const Row rows[] = {
      {"{}", "sampling/createMessage", "{}", R"({"sampling":{}})"},
      {R"({"sampling":{}})", "sampling/createMessage", "{}", ""},
      {R"({"sampling":{}})", "sampling/createMessage", R"({"tools":[]})", R"({"sampling":{"tools":{}}})"},
      {R"({"sampling":{"tools":{}}})", "sampling/createMessage", R"({"tools":[],"toolChoice":{}})", ""},
      {"{}", "roots/list", "{}", R"({"roots":{}})"},
      {R"({"roots":{}})", "roots/list", "{}", ""},
      {"{}", "elicitation/create", "{}", R"({"elicitation":{"form":{}}})"},
      {R"({"elicitation":{}})", "elicitation/create", R"({"mode":"form"})", ""},
      {R"({"elicitation":{}})", "elicitation/create", R"({"mode":"url"})", R"({"elicitation":{"url":{}}})"},
      {R"({"elicitation":{"url":{}}})", "elicitation/create", R"({"mode":"url"})", ""},
      {R"({"elicitation":{"url":{}}})", "elicitation/create", "{}", R"({"elicitation":{"form":{}}})"},
      {R"({"sampling":{},"roots":{},"elicitation":{}})", "vendor/ask", "{}", "{}"},
  };
  for (const Row& row : rows) {
    const auto declared = *parse_client_capabilities(parsed(row.declared), modern);
    EXPECT_EQ(missing_capability_for(declared, row.method, parsed(row.params)).value_or(""), row.missing)
        << row.declared << " " << row.method;
  }
}

}  // namespace
}  // namespace sluice
