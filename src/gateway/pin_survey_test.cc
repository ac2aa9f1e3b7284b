// SPDX-License-Identifier: Apache-2.0
#include "gateway/pin_survey.h"

#include "gateway/federation_testing.h"

namespace sluice::testing_federation {
namespace {

class PinSurveyTest : public FederationTest {
 protected:
  // What the survey of files and git says.
  std::string survey() {
    std::optional<Result<ToolPins>> told;
    PinSurvey survey(world.reactor(), {{"files", files}, {"git", git}}, seconds(5),
                     [&told](Result<ToolPins> read) { told = std::move(read); });
    survey.start();
    world.settle();
    if (!told) world.advance(seconds(5));
    if (!told) return "nothing";
    return *told ? (*told)->text() : told->error().message;
  }
};

TEST_F(PinSurveyTest, PinsEveryToolOfEveryPage) {
  files.pages["tools/list"] = {tool("a"), tool("b"), tool("c")};
  git.pages["tools/list"] = {tool("d")};
  ToolPins expected;
  for (const char* name : {"a", "b", "c"})
    expected.pin("files", name, definition_digest(*Json::parse(tool(name))));
  expected.pin("git", "d", definition_digest(*Json::parse(tool("d"))));
  EXPECT_EQ(survey(), expected.text());
}

TEST_F(PinSurveyTest, FailsWithTheUpstreamThatDoes) {
  files.pages["tools/list"] = {tool("a")};
  git.is_dead = true;
  EXPECT_EQ(survey(), "upstream 'git': it is down");
  git.is_dead = false;
  EXPECT_EQ(survey(), "upstream 'git': Method not found");
  git.holds = {"tools/list"};
  EXPECT_EQ(survey(), "not every upstream listed its tools in time");
  EXPECT_EQ(git.cancels.size(), 1U);
}

}  // namespace
}  // namespace sluice::testing_federation
