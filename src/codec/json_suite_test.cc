// SPDX-License-Identifier: Apache-2.0
// JSONTestSuite (Nicolas Seriot), its files being data that is not kept here: `Json::parse`, the walk and the
// scan each take what every parser must take and refuse what every parser must refuse, and agree on what is
// left open. The files are looked for in $SLUICE_TEST_DATA/json-parsing/test_parsing and in shared/data
// beside the checkout.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "codec/json.h"
#include "codec/json_scan.h"
#include "codec/jsonrpc.h"

namespace sluice {
namespace {

struct Sample {
  std::string name;
  std::string text;
};

std::vector<Sample> samples() {
  const char* const given = std::getenv("SLUICE_TEST_DATA");
  const std::filesystem::path source = std::filesystem::path(__FILE__).parent_path();
  const std::filesystem::path data =
      given != nullptr ? std::filesystem::path(given) : source / "../../../shared/data";
  std::vector<Sample> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(data / "json-parsing/test_parsing", error)) {
    std::ifstream file(entry.path(), std::ios::binary);
    found.push_back({entry.path().filename(), std::string(std::istreambuf_iterator<char>(file), {})});
  }
  std::sort(found.begin(), found.end(), [](const Sample& a, const Sample& b) { return a.name < b.name; });
  return found;
}

bool walk_takes(const std::string& text) {
  const PaddedString padded(text);
  return validate_json(padded.padded(), JsonLimits{}.depth_max).ok();
}

// As the argument of a call, and as what the whole message is.
bool scan_takes(const std::string& text) {
  const PaddedString bare(text);
  Envelope envelope;
  const bool bare_taken = scan_message(bare.padded(), JsonLimits{}, envelope).code != rpc::parse_error;
  const PaddedString call(R"({"jsonrpc":"2.0","id":1,"method":"m","params":{"arguments":[)" + text + "]}}");
  const bool call_taken = scan_message(call.padded(), JsonLimits{}, envelope).ok();
  // Some texts are no value but complete one within an array ("1,2", "", ...): then only the bare text
  // counts.
  EXPECT_TRUE(!bare_taken || call_taken) << text;
  return bare_taken;
}

TEST(JsonTestSuite, ZeroWrongAndAllThreeReadersAgree) {
  const std::vector<Sample> all = samples();
  if (all.empty()) GTEST_SKIP() << "skipped: JSONTestSuite is not here";
  std::size_t taken_of_open = 0;
  JsonParseOptions options;
  options.allow_duplicates = true;  // two of the y files have them
  for (const auto& [name, text] : all) {
    const bool parse = Json::parse(text, options).ok();
    EXPECT_EQ(walk_takes(text), parse) << name;
    EXPECT_EQ(scan_takes(text), parse) << name;
    EXPECT_TRUE(parse || name[0] != 'y') << name;
    EXPECT_TRUE(!parse || name[0] != 'n') << name;
    if (name[0] == 'i') taken_of_open += parse ? 1 : 0;
  }
  RecordProperty("files", static_cast<int>(all.size()));
  // Two numbers that become zero and three integers beyond 64 bits. Refused: halves of surrogate pairs, what
  // is not UTF-8, a byte order mark, numbers beyond every double, 500 levels.
  EXPECT_EQ(taken_of_open, 5U);
}

TEST(JsonTestSuite, WhatIsTakenIsWrittenBackTheSame) {
  JsonParseOptions options;
  options.allow_duplicates = true;
  for (const auto& [name, text] : samples()) {
    const Result<Json> json = Json::parse(text, options);
    if (!json.ok()) continue;
    const std::string compact = json->dump();
    const Result<Json> again = Json::parse(compact);
    ASSERT_TRUE(again.ok()) << name << " " << compact;
    EXPECT_EQ(*again, *json) << name;
    EXPECT_EQ(again->dump(), compact) << name;
    EXPECT_EQ(Json::parse(json->pretty())->dump(), compact) << name;
    EXPECT_EQ(canonical_json(*Json::parse(canonical_json(*json))), canonical_json(*json)) << name;
  }
}

TEST(JsonTestSuite, OnlyTheTwoFilesWithDuplicatesNeedTheOption) {
  std::string refused;
  for (const auto& [name, text] : samples()) {
    if (name[0] == 'y' && !Json::parse(text).ok()) refused += name + " ";
  }
  if (samples().empty()) GTEST_SKIP() << "skipped: JSONTestSuite is not here";
  EXPECT_EQ(refused, "y_object_duplicated_key.json y_object_duplicated_key_and_value.json ");
}

}  // namespace
}  // namespace sluice
