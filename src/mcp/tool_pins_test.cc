// SPDX-License-Identifier: Apache-2.0
#include "mcp/tool_pins.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

std::string digest_of(Bytes definition) { return definition_digest(*Json::parse(definition)); }

TEST(ToolPins, NoticeWhatADefinitionSaysAndNotHowItIsWritten) {
  const std::string one = digest_of(R"({"name":"a","description":"Reads.","annotations":{"n":1.0}})");
  EXPECT_EQ(one.size(), 64U);
  EXPECT_EQ(one, digest_of(R"({ "description":"Re\u0061ds.", "annotations":{"n":1}, "name":"a" })"));
  EXPECT_NE(one, digest_of(R"({"name":"a","description":"Reads. ","annotations":{"n":1}})"));
  // Of the eras' own: one shows it, the other does not.
  EXPECT_EQ(one, digest_of(R"({"name":"a","description":"Reads.","annotations":{"n":1},"execution":{}})"));
  EXPECT_EQ(digest_of("{}"), "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
}

TEST(ToolPins, JudgeByUpstreamAndTool) {
  ToolPins pins;
  const std::string one = digest_of("{}"), other = digest_of(R"({"name":"b"})");
  pins.pin("git", "log", one);
  EXPECT_EQ(pins.judge("git", "log", one), ToolPins::Verdict::same);
  EXPECT_EQ(pins.judge("git", "log", other), ToolPins::Verdict::changed);
  EXPECT_EQ(pins.judge("git", "rm", one), ToolPins::Verdict::unpinned);
  EXPECT_EQ(pins.judge("web", "log", one), ToolPins::Verdict::unpinned);
}

TEST(ToolPins, AreATextForPeople) {
  ToolPins pins;
  const std::string digest = digest_of("{}");
  pins.pin("git", "r\"m", digest);
  pins.pin("git", "log", digest);
  pins.pin("files", "read", digest);
  const std::string text = pins.text();
  EXPECT_EQ(text, "{\"pins\": {\n  \"files\": {\n    \"read\": \"" + digest +
                      "\"\n  },\n  \"git\": {\n    \"log\": \"" + digest + "\",\n    \"r\\\"m\": \"" +
                      digest + "\"\n  }\n}}\n");
  const auto read = ToolPins::parse(text, {});
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, pins);
  EXPECT_EQ(read->size(), 3U);
  EXPECT_EQ(*ToolPins::parse(ToolPins().text(), {}), ToolPins());
  EXPECT_EQ(*ToolPins::parse("\n", {}), ToolPins());
}

TEST(ToolPins, SayWhatIsWrongWithTheText) {
  FederationLimits limits;
  limits.pins_max = 0;
  const std::string good = R"({"pins":{"git":{"log":")" + digest_of("{}") + "\"}}}";
  const auto fault = [](Bytes text, const FederationLimits& within = {}) {
    const auto pins = ToolPins::parse(text, within);
    return pins ? "taken" : pins.error().message;
  };
  EXPECT_EQ(fault(good), "taken");
  EXPECT_NE(fault(good, limits).find("more than 0 pins"), std::string::npos);
  EXPECT_NE(fault("{}").find("'pins'"), std::string::npos);
  EXPECT_NE(fault(R"({"pins":{"git":1}})").find("'git'"), std::string::npos);
  EXPECT_NE(fault(R"({"pins":{"git":{"log":"abc"}}})").find("64 hexadecimal"), std::string::npos);
  EXPECT_NE(fault("{"), "taken");
}

}  // namespace
}  // namespace sluice
