// SPDX-License-Identifier: Apache-2.0
// Tools that answer by themselves: content of every kind, progress, log lines, lists that change, headers, a
// schema.
#include <chrono>

#include "everything.h"

namespace everything {
namespace {

using namespace std::chrono_literals;
using sluice::Context;
using sluice::Json;
using sluice::Severity;
using sluice::Task;

struct Where {
  std::string region;
  static constexpr auto doc =
      sluice::describe(sluice::field(&Where::region, "Where to look").header("Region"));
};

void add_contents(sluice::Server& server) {
  server.tool("test_simple_text", "Answers with a text",
              [] { return "This is a simple text response for testing."; });
  server.tool("test_image_content", "Answers with a picture",
              [] { return sluice::image(tiny_png(), "image/png"); });
  server.tool("test_audio_content", "Answers with a sound",
              [] { return sluice::audio(tiny_wav(), "audio/wav"); });
  server.tool("test_embedded_resource", "Answers with a resource", [] {
    return sluice::embedded_text("test://embedded-resource", "This is an embedded resource content.");
  });
  server.tool("test_multiple_content_types", "Answers with a text, a picture and a resource", [] {
    return std::vector{sluice::text("Multiple content types test:"), sluice::image(tiny_png(), "image/png"),
                       sluice::embedded_text("test://mixed-content-resource",
                                             R"({"test":"data","value":123})", "application/json")};
  });
  server.tool("test_error_handling", "Fails", []() -> sluice::Result<std::string> {
    return sluice::error("This tool intentionally returns an error for testing");
  });
}

void add_talkers(sluice::Server& server) {
  server.tool("test_tool_with_logging", "Logs while it works", [](Context& ctx) -> Task<std::string> {
    ctx.log(Severity::info, "Tool execution started");
    co_await ctx.sleep(50ms);
    ctx.log(Severity::info, "Tool processing data");
    co_await ctx.sleep(50ms);
    ctx.log(Severity::info, "Tool execution completed");
    co_return "Logged three lines";
  });
  server.tool("test_logging_tool", "Logs one line, for those who asked", [](Context& ctx) {
    ctx.log(Severity::info, "One line");
    return "Logged one line";
  });
  server.tool("test_tool_with_progress", "Tells of its progress", [](Context& ctx) -> Task<std::string> {
    for (const int done : {0, 50, 100}) {
      ctx.progress(done, 100, "Completed step " + std::to_string(done) + " of 100");
      co_await ctx.sleep(50ms);
    }
    co_return "Told of three steps";
  });
}

void add_changers(sluice::Server& server) {
  server.tool("test_trigger_tool_change", "Adds a tool and removes it again", [&server] {
    server.tool("test_short_lived", "Is gone soon", [] { return ""; });
    server.remove_tool("test_short_lived");
    return "The list of tools changed";
  });
  server.tool("test_trigger_prompt_change", "Adds a prompt and removes it again", [&server] {
    server.prompt("test_short_lived", "Is gone soon", [] { return ""; });
    server.remove_prompt("test_short_lived");
    return "The list of prompts changed";
  });
}

// What a struct cannot say is given as text.
constexpr std::string_view rich_schema = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "$defs": {"address": {"$anchor": "addressDef", "type": "object",
                        "properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
  "properties": {
    "name": {"type": "string"},
    "address": {"$ref": "#/$defs/address"},
    "contactMethod": {"type": "string", "enum": ["phone", "email"]},
    "phone": {"type": "string"},
    "email": {"type": "string"}
  },
  "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
  "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
  "then": {"required": ["phone"]},
  "else": {"required": ["email"]},
  "additionalProperties": false
})";

}  // namespace

void add_tools(sluice::Server& server) {
  add_contents(server);
  add_talkers(server);
  add_changers(server);
  server.tool("test_x_mcp_header", "Takes an argument that clients mirror in a header",
              [](Where where) { return "Looked in " + where.region; });
  auto schema = Json::parse(rich_schema);
  server.tool("json_schema_2020_12_tool", "Tool with JSON Schema 2020-12 features", std::move(*schema),
              [](Json arguments) { return "Got " + arguments.dump(); });
}

std::string tiny_png() {
  constexpr unsigned char bytes[] = {0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d,
                                     0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01,
                                     0x08, 0x06, 0x00, 0x00, 0x00, 0x1f, 0x15, 0xc4, 0x89, 0x00, 0x00, 0x00,
                                     0x0d, 0x49, 0x44, 0x41, 0x54, 0x78, 0xda, 0x63, 0x64, 0x60, 0xf8, 0x5f,
                                     0x0f, 0x00, 0x02, 0x87, 0x01, 0x80, 0xeb, 0x47, 0xba, 0x92, 0x00, 0x00,
                                     0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};
  return std::string(reinterpret_cast<const char*>(bytes), sizeof bytes);
}

std::string tiny_wav() {
  constexpr unsigned char bytes[] = {'R',  'I',  'F',  'F',  0x26, 0x00, 0x00, 0x00, 'W',  'A',  'V',  'E',
                                     'f',  'm',  't',  ' ',  0x10, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, 0x00,
                                     0x40, 0x1f, 0x00, 0x00, 0x80, 0x3e, 0x00, 0x00, 0x02, 0x00, 0x10, 0x00,
                                     'd',  'a',  't',  'a',  0x02, 0x00, 0x00, 0x00, 0x00, 0x00};
  return std::string(reinterpret_cast<const char*>(bytes), sizeof bytes);
}

}  // namespace everything
