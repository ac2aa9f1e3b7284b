// SPDX-License-Identifier: Apache-2.0
#include "codec/json_splice.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "codec/json.h"

namespace sluice {
namespace {

struct Message {
  explicit Message(Bytes json) : text(json), scanner(JsonLimits{}) {
    EXPECT_TRUE(scanner.scan(text.padded(), envelope).ok()) << json;
  }
  PaddedString text;
  MessageScanner scanner;
  Envelope envelope;
};

TEST(JsonSplice, PutsAnotherIdAndTokenIntoACall) {
  const Message call(
      R"({"jsonrpc":"2.0", "id" : "abc","method":"tools/call","params":{"name":"x","_meta":{"progressToken":1}}})");
  const Envelope& e = call.envelope;
  JsonSplice splice;
  splice.replace(e.meta_progress_token, "\"t-99\"").replace(e.id, "9007199254740993");
  EXPECT_EQ(
      splice.apply(e.text),
      R"({"jsonrpc":"2.0", "id" : 9007199254740993,"method":"tools/call","params":{"name":"x","_meta":{"progressToken":"t-99"}}})");
  EXPECT_EQ(splice.apply(e.text), splice.apply(e.text));
  std::string params;
  splice.clear();
  EXPECT_TRUE(splice.empty());
  splice.set(e.meta, e.meta_progress_token, "progressToken", "2")
      .set(e.meta, e.meta_log_level, "io.modelcontextprotocol/logLevel", "\"info\"");
  splice.append_to(params, e.text, e.params);
  EXPECT_EQ(params, R"({"name":"x","_meta":{"io.modelcontextprotocol/logLevel":"info","progressToken":2}})");
}

TEST(JsonSplice, AddsToAnEmptyObject) {
  const Message answer(R"({"jsonrpc":"2.0","id":1,"result":{ }})");
  JsonSplice splice;
  splice.insert(answer.envelope.result, "a\"b", "1").insert(answer.envelope.result, "c", "[]");
  EXPECT_EQ(splice.apply(answer.envelope.text), R"({"jsonrpc":"2.0","id":1,"result":{"a\"b":1,"c":[] }})");
}

// Every set of removals, with and without additions and replacements, against the tree.
void check_all_subsets(Bytes object) {
  const PaddedString text(object);
  const JsonSpan whole{0, static_cast<std::uint32_t>(object.find('{')),
                       static_cast<std::uint32_t>(object.rfind('}') + 1)};
  const std::vector<JsonSpan> members = json_children(text.view(), whole);
  const Result<Json> tree = Json::parse(object);
  ASSERT_TRUE(tree.ok());
  std::size_t combinations = 1;
  for (std::size_t i = 0; i < members.size(); ++i) combinations *= 3;
  for (std::size_t inserts = 0; inserts < 3; ++inserts) {
    for (std::size_t choice = 0; choice < combinations; ++choice) {
      Json expected = Json::object();
      JsonSplice splice;
      if (inserts > 0) expected.set("new", true), splice.insert(whole, "new", "true");
      if (inserts > 1) expected.set("more", "x"), splice.insert(whole, "more", "\"x\"");
      std::size_t rest = choice;
      for (std::size_t i = 0; i < members.size(); ++i, rest /= 3) {
        const JsonMember& member = tree->members()[i];
        if (rest % 3 == 0) expected.set(member.name, member.value);
        if (rest % 3 == 1) splice.remove(members[i]);
        if (rest % 3 == 2) expected.set(member.name, "replaced"), splice.replace(members[i], "\"replaced\"");
      }
      const std::string spliced = splice.apply(text.view());
      const Result<Json> read = Json::parse(spliced);
      ASSERT_TRUE(read.ok()) << spliced;
      EXPECT_EQ(read->dump(), expected.dump()) << spliced;
    }
  }
}

TEST(JsonSplice, KeepsCommasRightWhateverIsRemovedAndAdded) {
  check_all_subsets("{}");
  check_all_subsets("{ }");
  check_all_subsets(R"({"a":1})");
  check_all_subsets(R"({"a":1,"b":[2],"c":{"x":3},"d":"4"})");
  check_all_subsets(" {\n  \"a\" : 1 ,\n  \"b\" : \",\" ,\n  \"c\" : null\n}\n");
}

TEST(JsonSplice, LeavesEverythingElseByteForByte) {
  const Message call(
      "{ \"jsonrpc\":\"2.0\" ,\t\"id\":1,\"method\":\"m\",\"params\":{\"x\" : 1.50e+1, \"_meta\": {} } } ");
  JsonSplice splice;
  splice.replace(call.envelope.id, "2");
  EXPECT_EQ(
      splice.apply(call.envelope.text),
      "{ \"jsonrpc\":\"2.0\" ,\t\"id\":2,\"method\":\"m\",\"params\":{\"x\" : 1.50e+1, \"_meta\": {} } } ");
}

}  // namespace
}  // namespace sluice
