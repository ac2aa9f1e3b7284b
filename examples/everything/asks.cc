// SPDX-License-Identifier: Apache-2.0
// Tools that ask their client: forms, samples and roots, one at a time, together and in rounds.
#include "everything.h"

namespace everything {
namespace {

using sluice::ClientCan;
using sluice::Context;
using sluice::Json;
using sluice::Result;
using sluice::Task;

struct Prompted {
  std::string prompt;
};
struct Asked {
  std::string message;
};
struct Contact {
  std::string username;
  std::string email;
  static constexpr auto doc = sluice::describe(sluice::field(&Contact::username, "User's response"),
                                               sluice::field(&Contact::email, "User's email address"));
};
enum class Standing { active, inactive, pending };
struct Defaults {
  std::string name = "John Doe";
  int age = 30;
  double score = 95.5;
  Standing status = Standing::active;
  bool verified = true;
};
struct Name {
  std::string name;
};
struct Color {
  std::string color;
};
struct Confirmation {
  bool ok;
};

template <class T>
std::string told(std::string_view what, const sluice::Answer<T>& answer) {
  std::string text(what);
  if (answer) return text + ": action=accept, content=" + sluice::to_json(*answer).dump();
  return text + ": action=" + answer.why() + ", content={}";
}

// The five ways in which a form can offer a choice; the third is an old one that no struct gives.
constexpr std::string_view five_enums = R"({
  "type": "object",
  "properties": {
    "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
    "titledSingle": {"type": "string", "oneOf": [
      {"const": "value1", "title": "First Option"},
      {"const": "value2", "title": "Second Option"},
      {"const": "value3", "title": "Third Option"}]},
    "legacyEnum": {"type": "string", "enum": ["opt1", "opt2", "opt3"],
                   "enumNames": ["Option One", "Option Two", "Option Three"]},
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["option1", "option2", "option3"]}},
    "titledMulti": {"type": "array", "items": {"anyOf": [
      {"const": "value1", "title": "First Choice"},
      {"const": "value2", "title": "Second Choice"},
      {"const": "value3", "title": "Third Choice"}]}}
  },
  "required": []
})";

void add_forms(sluice::Server& server) {
  server.tool("test_elicitation", "Asks the person", [](Asked in, Context& ctx) -> Task<std::string> {
    auto answer = co_await ctx.ask<Contact>("contact", in.message);
    co_return told("User response", answer);
  });
  server.tool("test_elicitation_sep1034_defaults", "Asks with defaults for every kind of field",
              [](Context& ctx) -> Task<std::string> {
                auto answer = co_await ctx.ask<Defaults>("profile", "Please check your profile");
                co_return told("Elicitation completed", answer);
              });
  server.tool("test_elicitation_sep1330_enums", "Asks with every kind of choice",
              [](Context& ctx) -> Task<std::string> {
                const auto choices = sluice::form("choices", "Please choose", *Json::parse(five_enums));
                auto answer = co_await ctx.ask(choices);
                co_return told("Elicitation completed", answer);
              });
  server.tool("test_input_required_result_elicitation", "Asks for a name",
              [](Context& ctx) -> Task<std::string> {
                auto answer = co_await ctx.ask<Name>("user_name", "What is your name?");
                co_return answer ? "Hello, " + answer->name + "!" : "Nobody said a name";
              });
  server.tool("test_streaming_elicitation", "Tells of its progress, then asks",
              [](Context& ctx) -> Task<std::string> {
                ctx.progress(1, 2);
                auto answer = co_await ctx.ask<Confirmation>("confirm", "Go on?");
                co_return told("Confirmed", answer);
              });
}

void add_models(sluice::Server& server) {
  server.tool("test_sampling", "Asks the client's model",
              [](Prompted in, Context& ctx) -> Task<Result<std::string>> {
                auto answer = co_await ctx.sample("sampling", in.prompt, 100);
                if (!answer) co_return sluice::error(answer.why());
                co_return "LLM response: " + answer->text();
              });
  server.tool("test_input_required_result_sampling", "Asks the client's model for a capital",
              [](Context& ctx) -> Task<Result<std::string>> {
                auto answer = co_await ctx.sample("capital_question", "What is the capital of France?", 100);
                if (!answer) co_return sluice::error(answer.why());
                co_return answer->text();
              });
  server.tool("test_input_required_result_list_roots", "Asks where the client works",
              [](Context& ctx) -> Task<Result<std::string>> {
                const auto question = sluice::roots("client_roots");
                auto answer = co_await ctx.ask(question);
                if (!answer) co_return sluice::error(answer.why());
                std::string text = "Roots:";
                for (const sluice::Root& root : *answer) text += " " + root.uri;
                co_return text;
              });
  server.tool("test_missing_capability", "Needs a client that samples", [] { return "The client samples"; })
      .requires_client(ClientCan::sample);
}

void add_rounds(sluice::Server& server) {
  for (const char* name :
       {"test_input_required_result_request_state", "test_input_required_result_tampered_state"}) {
    server.tool(name, "Asks once and holds on to its state", [](Context& ctx) -> Task<std::string> {
      auto answer = co_await ctx.ask<Confirmation>("confirm", "Please confirm");
      co_return answer && answer->ok ? "state-ok, confirmed" : "state-ok, not confirmed";
    });
  }
  server.tool("test_input_required_result_multiple_inputs", "Asks three things at once",
              [](Context& ctx) -> Task<std::string> {
                const auto name = sluice::form<Name>("user_name", "What is your name?");
                const auto greeting =
                    sluice::sampling("greeting", sluice::SampleRequest("Generate a greeting", 50));
                const auto roots = sluice::roots("client_roots");
                auto answers = co_await ctx.ask_all(name, greeting, roots);
                std::string text = std::get<0>(answers) ? std::get<0>(answers)->name : "nobody";
                if (std::get<1>(answers)) text += ", " + std::get<1>(answers)->text();
                if (std::get<2>(answers))
                  text += ", " + std::to_string(std::get<2>(answers)->size()) + " roots";
                co_return text;
              });
  server.tool("test_input_required_result_multi_round", "Asks twice", [](Context& ctx) -> Task<std::string> {
    auto name = co_await ctx.ask<Name>("step1", "Step 1: What is your name?");
    if (!name) co_return "No name";
    auto color = co_await ctx.ask<Color>("step2", "Step 2: What is your favorite color?");
    if (!color) co_return "No color";
    co_return name->name + " likes " + color->color;
  });
  server.tool("test_input_required_result_capabilities", "Asks what the client can answer",
              [](Context& ctx) -> Task<std::string> {
                if (ctx.client_can(ClientCan::sample)) {
                  auto answer = co_await ctx.sample("greeting", "Generate a greeting", 50);
                  co_return answer ? answer->text() : answer.why();
                }
                if (ctx.client_can(ClientCan::fill_forms)) {
                  auto answer = co_await ctx.ask<Name>("user_name", "What is your name?");
                  co_return answer ? answer->name : answer.why();
                }
                co_return "The client can answer nothing";
              });
}

}  // namespace

void add_asks(sluice::Server& server) {
  add_forms(server);
  add_models(server);
  add_rounds(server);
}

}  // namespace everything
