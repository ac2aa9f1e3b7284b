// SPDX-License-Identifier: Apache-2.0
// Prompts: without and with arguments, with a resource, with a picture, and one that asks first.
#include "everything.h"

namespace everything {
namespace {

using sluice::Message;

struct TwoArguments {
  std::string arg1;
  std::string arg2;
  static constexpr auto doc = sluice::describe(sluice::field(&TwoArguments::arg1, "First test argument"),
                                               sluice::field(&TwoArguments::arg2, "Second test argument"));
};
struct Embedding {
  std::string resourceUri;
  static constexpr auto doc =
      sluice::describe(sluice::field(&Embedding::resourceUri, "URI of the resource to embed"));
};
struct Background {
  std::string context;
};

}  // namespace

void add_prompts(sluice::Server& server) {
  server.prompt("test_simple_prompt", "A prompt without arguments",
                [] { return "This is a simple prompt for testing."; });
  server.prompt("test_prompt_with_arguments", "A prompt with two arguments", [](TwoArguments in) {
    return "Prompt with arguments: arg1='" + in.arg1 + "', arg2='" + in.arg2 + "'";
  });
  server.complete_prompt(
      "test_prompt_with_arguments", "arg1", [](std::string_view typed, const sluice::Json&) {
        return std::vector<std::string>{std::string(typed) + "paris", std::string(typed) + "park"};
      });
  server.prompt("test_prompt_with_embedded_resource", "A prompt with a resource in it", [](Embedding in) {
    return std::vector<Message>{
        sluice::user(sluice::embedded_text(in.resourceUri, "Embedded resource content for testing.")),
        sluice::user("Please process the embedded resource above.")};
  });
  server.prompt("test_prompt_with_image", "A prompt with a picture in it", [] {
    return std::vector<Message>{sluice::user(sluice::image(tiny_png(), "image/png")),
                                sluice::user("Please analyze the image above.")};
  });
  server.prompt("test_input_required_result_prompt", "A prompt that asks first",
                [](sluice::Context& ctx) -> sluice::Task<std::string> {
                  auto answer =
                      co_await ctx.ask<Background>("user_context", "What context should the prompt use?");
                  co_return answer ? "Use this context: " + answer->context : "Use no context.";
                });
}

}  // namespace everything
