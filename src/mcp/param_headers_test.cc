// SPDX-License-Identifier: Apache-2.0
#include "mcp/param_headers.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

Json parsed(const std::string& text) {
  auto json = Json::parse(text);
  EXPECT_TRUE(json.ok()) << text;
  return json ? std::move(*json) : Json();
}

bool valid(const std::string& schema) { return parse_param_headers(parsed(schema)).ok(); }

std::string properties(const std::string& inside) {
  return R"({"type":"object","properties":{)" + inside + "}}";
}

const std::string region = R"("region":{"type":"string","x-mcp-header":"Region"})";

TEST(ParamHeaders, AreReadInTheOrderOfTheSchema) {
  const auto found = parse_param_headers(parsed(properties(
      region +
      R"(,"where":{"type":"object","properties":{"zone":{"type":"integer","x-mcp-header":"Zone"}}},)" +
      R"("dry":{"type":"boolean","x-mcp-header":"Method"})")));
  ASSERT_TRUE(found.ok());
  ASSERT_EQ(found->size(), 3u);
  EXPECT_EQ((*found)[0], (ParamHeader{"Mcp-Param-Region", {"region"}, ParamHeader::Type::string}));
  EXPECT_EQ((*found)[1], (ParamHeader{"Mcp-Param-Zone", {"where", "zone"}, ParamHeader::Type::integer}));
  EXPECT_EQ((*found)[2], (ParamHeader{"Mcp-Param-Method", {"dry"}, ParamHeader::Type::boolean}));
}

TEST(ParamHeaders, DropTheToolForEachBrokenRule) {
  struct Row {
    const char* rule;
    std::string schema;
    bool valid;
  };
  const Row rows[] = {
      {"none at all", R"({"type":"object"})", true},
      {"one", properties(region), true},
      {"empty", properties(R"("a":{"type":"string","x-mcp-header":""})"), false},
      {"blank", properties(R"("a":{"type":"string","x-mcp-header":"a b"})"), false},
      {"colon", properties(R"("a":{"type":"string","x-mcp-header":"a:b"})"), false},
      {"line end", properties(R"("a":{"type":"string","x-mcp-header":"a\r\nb"})"), false},
      {"not ASCII", properties(R"("a":{"type":"string","x-mcp-header":"\u00e9"})"), false},
      {"no string", properties(R"("a":{"type":"string","x-mcp-header":5})"), false},
      {"token characters", properties(R"("a":{"type":"string","x-mcp-header":"a!#$%&'*+-.^_`|~9"})"), true},
      {"twice", properties(region + R"(,"b":{"type":"string","x-mcp-header":"Region"})"), false},
      {"twice in another case", properties(region + R"(,"b":{"type":"string","x-mcp-header":"REGION"})"),
       false},
      {"number", properties(R"("a":{"type":"number","x-mcp-header":"A"})"), false},
      {"object", properties(R"("a":{"type":"object","x-mcp-header":"A"})"), false},
      {"array", properties(R"("a":{"type":"array","x-mcp-header":"A"})"), false},
      {"no type", properties(R"("a":{"x-mcp-header":"A"})"), false},
      {"several types", properties(R"("a":{"type":["string","null"],"x-mcp-header":"A"})"), false},
      {"root", R"({"type":"string","x-mcp-header":"A"})", false},
      {"items", properties(R"("a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}})"), false},
      {"properties of items", properties(R"("a":{"type":"array","items":{"properties":{)" + region + "}}}"),
       false},
      {"prefixItems", properties(R"("a":{"prefixItems":[{"type":"string","x-mcp-header":"A"}]})"), false},
      {"oneOf", R"({"oneOf":[)" + properties(region) + "]}", false},
      {"anyOf", R"({"anyOf":[)" + properties(region) + "]}", false},
      {"allOf", R"({"allOf":[)" + properties(region) + "]}", false},
      {"not", R"({"not":)" + properties(region) + "}", false},
      {"if", R"({"if":)" + properties(region) + "}", false},
      {"then", R"({"then":)" + properties(region) + "}", false},
      {"else", R"({"else":)" + properties(region) + "}", false},
      {"behind $ref", R"({"$defs":{"r":)" + properties(region) + R"(},"$ref":"#/$defs/r"})", false},
      {"additionalProperties", R"({"additionalProperties":{"type":"string","x-mcp-header":"A"}})", false},
      {"patternProperties", R"({"patternProperties":{"^a":{"type":"string","x-mcp-header":"A"}}})", false},
      {"a property of that name", properties(R"("x-mcp-header":{"type":"string"})"), true},
      {"a property named items", properties(R"("items":{"type":"string","x-mcp-header":"A"})"), true},
      {"an example", R"({"examples":[{"x-mcp-header":""}],"default":{"x-mcp-header":""}})", true},
  };
  for (const Row& row : rows) EXPECT_EQ(valid(row.schema), row.valid) << row.rule;
}

const std::string schema = properties(
    region +
    R"(,"count":{"type":"integer","x-mcp-header":"Count"},"dry":{"type":"boolean","x-mcp-header":"Dry"},)" +
    R"("in":{"type":"object","properties":{"id":{"type":"string","x-mcp-header":"Id"}}})");

std::vector<ParamHeader> annotations() { return *parse_param_headers(parsed(schema)); }

int verdict(const std::string& arguments, const std::vector<HeaderPair>& headers) {
  const auto refusal = check_param_headers(annotations(), parsed(arguments), headers);
  if (refusal) {
    EXPECT_EQ(refusal->http_status, 400);
  }
  return refusal ? refusal->code : 0;
}

TEST(ParamHeaders, MustMirrorTheirArguments) {
  struct Row {
    const char* rule;
    const char* arguments;
    std::vector<HeaderPair> headers;
    int code;
  };
  const Row rows[] = {
      {"nothing", "{}", {}, 0},
      {"null is nothing", R"({"region":null})", {}, 0},
      {"same", R"({"region":"eu"})", {{"Mcp-Param-Region", "eu"}}, 0},
      {"name in another case", R"({"region":"eu"})", {{"mcp-param-REGION", "eu"}}, 0},
      {"value in another case", R"({"region":"eu"})", {{"Mcp-Param-Region", "EU"}}, -32020},
      {"blanks around", R"({"region":"eu"})", {{"Mcp-Param-Region", " eu\t"}}, 0},
      {"absent header", R"({"region":"eu"})", {}, -32020},
      {"absent value", "{}", {{"Mcp-Param-Region", "eu"}}, -32020},
      {"null value", R"({"region":null})", {{"Mcp-Param-Region", "null"}}, -32020},
      {"empty", R"({"region":""})", {{"Mcp-Param-Region", ""}}, 0},
      {"twice", R"({"region":"eu"})", {{"Mcp-Param-Region", "eu"}, {"Mcp-Param-Region", "eu"}}, -32020},
      {"base64", R"({"region":"\u00e9"})", {{"Mcp-Param-Region", "=?base64?w6k=?="}}, 0},
      {"bad base64", R"({"region":"\u00e9"})", {{"Mcp-Param-Region", "=?base64?w6k?="}}, -32020},
      {"integer", R"({"count":7})", {{"Mcp-Param-Count", "7"}}, 0},
      {"integer spelled otherwise", R"({"count":7})", {{"Mcp-Param-Count", "7.0"}}, 0},
      {"integer with a fraction of zero in the body", R"({"count":7.0})", {{"Mcp-Param-Count", "7"}}, 0},
      {"negative", R"({"count":-7})", {{"Mcp-Param-Count", "-7"}}, 0},
      {"another integer", R"({"count":7})", {{"Mcp-Param-Count", "8"}}, -32020},
      {"no number", R"({"count":7})", {{"Mcp-Param-Count", "seven"}}, -32020},
      {"largest", R"({"count":9007199254740991})", {{"Mcp-Param-Count", "9007199254740991"}}, 0},
      {"beyond", R"({"count":9007199254740993})", {{"Mcp-Param-Count", "9007199254740993"}}, -32020},
      {"true", R"({"dry":true})", {{"Mcp-Param-Dry", "true"}}, 0},
      {"True", R"({"dry":true})", {{"Mcp-Param-Dry", "True"}}, -32020},
      {"1 for true", R"({"dry":true})", {{"Mcp-Param-Dry", "1"}}, -32020},
      {"nested", R"({"in":{"id":"a"}})", {{"Mcp-Param-Id", "a"}}, 0},
      {"nested, absent header", R"({"in":{"id":"a"}})", {}, -32020},
      {"not at its path", R"({"id":"a"})", {}, 0},
      {"unknown headers pass", "{}", {{"Mcp-Param-Other", "x"}}, 0},
      {"an object is the schema's business", R"({"region":{}})", {}, 0},
      {"a string for an integer", R"({"count":"7"})", {{"Mcp-Param-Count", "7"}}, -32020},
  };
  for (const Row& row : rows) EXPECT_EQ(verdict(row.arguments, row.headers), row.code) << row.rule;
}

TEST(ParamHeaders, ThatAClientMakesPassTheServersCheck) {
  for (const char* arguments : {"{}", R"({"region":"eu","count":-3,"dry":false,"in":{"id":"x y"}})",
                                R"({"region":" lead","count":0})", R"({"region":"=?base64?YQ==?="})",
                                R"({"region":"tab\tand\nline","in":{"id":""}})", R"({"region":"日本"})",
                                R"({"count":9007199254740991})", R"({"region":null,"in":null})"}) {
    const auto headers = param_headers_for(annotations(), parsed(arguments));
    EXPECT_EQ(verdict(arguments, headers), 0) << arguments;
  }
}

TEST(ParamHeaders, OfAClientAreEncodedOnlyWhereTheyMustBe) {
  const auto headers =
      param_headers_for(annotations(), parsed(R"({"region":"a b","count":12,"dry":true,"in":{"id":"é"}})"));
  ASSERT_EQ(headers.size(), 4u);
  EXPECT_EQ(headers[0].value, "a b");
  EXPECT_EQ(headers[1].value, "12");
  EXPECT_EQ(headers[2].value, "true");
  EXPECT_EQ(headers[3].value, "=?base64?w6k=?=");
  EXPECT_EQ(headers[3].name, "Mcp-Param-Id");
  EXPECT_TRUE(param_headers_for(annotations(), parsed(R"({"count":1.5,"dry":"x"})")).empty());
}

}  // namespace
}  // namespace sluice
