// SPDX-License-Identifier: Apache-2.0
// Resources: a text, bytes, one to watch, and a template.
#include "everything.h"

namespace everything {
namespace {

struct Templated {
  std::string id;
  bool templateTest;
  std::string data;
};

}  // namespace

void add_resources(sluice::Server& server) {
  server
      .resource("test://static-text", "A text that never changes",
                [] { return "This is the content of the static text resource."; })
      .named("Static Text Resource")
      .mime_type("text/plain");
  server
      .resource("test://static-binary", "A picture that never changes",
                [] { return sluice::contents_bytes(tiny_png(), "image/png"); })
      .named("Static Binary Resource")
      .mime_type("image/png");
  server
      .resource("test://watched-resource", "A text to subscribe to",
                [] { return "Watched resource content"; })
      .named("Watched Resource")
      .mime_type("text/plain");
  constexpr std::string_view pattern = "test://template/{id}/data";
  server
      .resource(pattern, "A text for every id",
                [](std::string id) {
                  return Templated{id, true, "Data for ID: " + id};
                })
      .named("Templated Resource")
      .mime_type("application/json");
  server.complete_resource(pattern, "id", [](std::string_view typed, const sluice::Json&) {
    return std::vector<std::string>{std::string(typed) + "1", std::string(typed) + "2"};
  });
}

}  // namespace everything
