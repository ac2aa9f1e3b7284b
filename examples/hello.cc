// SPDX-License-Identifier: Apache-2.0
// The smallest useful server: one tool, one resource, one prompt. `hello` speaks over stdio, `hello --http
// 127.0.0.1:8080` over HTTP, both to clients of every revision.
#include "sdk/server.h"

struct Person {
  std::string name;
  std::optional<std::string> language;  // may be left out
  static constexpr auto doc = sluice::describe(sluice::field(&Person::name, "Who to greet").at_least(1),
                                               sluice::field(&Person::language, "en or de"));
};

struct Greeting {
  std::string text;
};

Greeting greet(Person person) {
  const bool german = person.language == "de";
  return Greeting{(german ? "Hallo, " : "Hello, ") + person.name + "!"};
}

int main(int argc, char** argv) {
  sluice::Server server("hello", "1.0.0");
  server.tool("greet", "Greets somebody", &greet).read_only();
  server.resource("hello://about", "What this is", [] { return "A server in thirty lines."; });
  server.prompt("introduce", "Asks for an introduction",
                [](Person person) { return "Introduce " + person.name + " in one sentence."; });
  return server.run(argc, argv);
}
