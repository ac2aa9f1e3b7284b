// SPDX-License-Identifier: Apache-2.0
#include "mcp/uri_template.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using Values = UriTemplate::Values;

UriTemplate made(const char* text) {
  auto parsed = UriTemplate::parse(text);
  EXPECT_TRUE(parsed.ok()) << text;
  return std::move(*parsed);
}

// "a=1 b=2", or "no".
std::string matched(const char* text, const std::string& uri) {
  const auto values = made(text).match(uri);
  if (!values) return "no";
  std::string out;
  for (const auto& [name, value] : *values) out += (out.empty() ? "" : " ") + name + "=" + value;
  return out;
}

TEST(UriTemplate, ExpandsTheExamplesOfTheRfc) {
  const Values values{{"var", "value"},
                      {"hello", "Hello World!"},
                      {"path", "/foo/bar"},
                      {"empty", ""},
                      {"x", "1024"},
                      {"y", "768"},
                      {"base", "http://example.com/home/"},
                      {"half", "50%"}};
  const std::pair<const char*, const char*> rows[] = {
      {"{var}", "value"},
      {"{hello}", "Hello%20World%21"},
      {"{half}", "50%25"},
      {"O{empty}X", "OX"},
      {"O{undef}X", "OX"},
      {"{x,y}", "1024,768"},
      {"{x,hello,y}", "1024,Hello%20World%21,768"},
      {"?{x,empty}", "?1024,"},
      {"?{x,undef}", "?1024"},
      {"?{undef,y}", "?768"},
      {"map?{x,y}", "map?1024,768"},
      {"{+var}", "value"},
      {"{+hello}", "Hello%20World!"},
      {"{+half}", "50%25"},
      {"{base}index", "http%3A%2F%2Fexample.com%2Fhome%2Findex"},
      {"{+base}index", "http://example.com/home/index"},
      {"O{+empty}X", "OX"},
      {"O{+undef}X", "OX"},
      {"{+path}/here", "/foo/bar/here"},
      {"here?ref={+path}", "here?ref=/foo/bar"},
      {"up{+path}{var}/here", "up/foo/barvalue/here"},
      {"{+x,hello,y}", "1024,Hello%20World!,768"},
      {"{+path,x}/here", "/foo/bar,1024/here"},
      {"{#var}", "#value"},
      {"{#hello}", "#Hello%20World!"},
      {"foo{#empty}", "foo#"},
      {"foo{#undef}", "foo"},
      {"{#x,hello,y}", "#1024,Hello%20World!,768"},
      {"{#undef,x}", "#1024"},
      {"plain", "plain"},
      {"", ""},
      {"a b", "a%20b"},
  };
  for (const auto& [text, uri] : rows) EXPECT_EQ(made(text).expand(values), uri) << text;
}

TEST(UriTemplate, RefusesWhatItDoesNotSupportAndWhatIsBroken) {
  for (const char* text :
       {"{",    "}",    "a}",   "{}",   "{a",    "{a{b}}", "{+}",   "{a,}", "{,a}",  "{a b}", "{/a}", "{?a}",
        "{&a}", "{;a}", "{.a}", "{a*}", "{a:3}", "{a}{a}", "{a,a}", "{=a}", "{a..}", "{.}",   "{%4}", "{é}"})
    EXPECT_FALSE(UriTemplate::parse(text).ok()) << text;
  EXPECT_FALSE(UriTemplate::parse(std::string(uri_template_bytes_max + 1, 'x')).ok());
  std::string many;
  for (int i = 0; i < 33; ++i) many += "/{v" + std::to_string(i) + "}";
  EXPECT_FALSE(UriTemplate::parse(many).ok());
  for (const char* text : {"{a_b}", "{a-b}", "{a.b}", "{A1}", "{%41}"})
    EXPECT_TRUE(UriTemplate::parse(text).ok()) << text;
}

TEST(UriTemplate, MatchesWhatUsersExpect) {
  struct Row {
    const char* text;
    const char* uri;
    const char* values;
  };
  const Row rows[] = {
      {"test://template/{id}/data", "test://template/123/data", "id=123"},
      {"test://template/{id}/data", "test://template//data", "no"},
      {"test://template/{id}/data", "test://template/1/2/data", "no"},
      {"test://template/{id}/data", "test://template/1%2F2/data", "id=1/2"},
      {"test://template/{id}/data", "test://template/1/dat", "no"},
      {"test://template/{id}/data", "test://template/1/data/", "no"},
      {"test://template/{id}/data", "xtest://template/1/data", "no"},
      {"a://{x}/{y}", "a://1/2", "x=1 y=2"},
      {"a://{x}-{y}", "a://1-2-3", "x=1 y=2-3"},
      {"a://{x}{y}", "a://123", "x=1 y=23"},
      {"a://{x}{y}", "a://1", "no"},
      {"a://{x,y}", "a://1,2", "x=1 y=2"},
      {"a://{x,y}", "a://1", "no"},
      {"file:///{+path}", "file:///a/b/c.txt", "path=a/b/c.txt"},
      {"file:///{+path}/end", "file:///a/end/b/end", "path=a/end/b"},
      {"{+a}/{+b}", "1/2/3", "a=1 b=2/3"},
      {"a{#f}", "a#x/y", "f=x/y"},
      {"a{#f}", "ax", "no"},
      {"a://{n}", "a://J%C3%BCrgen", "n=Jürgen"},
      {"a://{n}", "a://Jürgen", "n=Jürgen"},
      {"a://{n}", "a://%zz", "no"},
      {"a://{n}", "a://%4", "no"},
      {"a://{n}", "a://a b", "no"},
      {"a://{n}", "a://", "no"},
      {"a b/{n}", "a%20b/c", "n=c"},
      {"plain", "plain", ""},
      {"plain", "plane", "no"},
      {"", "", ""},
      {"", "x", "no"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(matched(row.text, row.uri), row.values) << row.text << " against " << row.uri;
}

TEST(UriTemplate, MatchesWhatItExpandedTo) {
  const UriTemplate t = made("x://{host}/{+path}?{q,r}");
  const Values values{{"host", "a b/c"}, {"path", "d/e"}, {"q", "50%"}, {"r", "ü"}};
  EXPECT_EQ(t.match(t.expand(values)), values);
  EXPECT_EQ(t.variables(), (std::vector<std::string>{"host", "path", "q", "r"}));
  EXPECT_EQ(t.text(), "x://{host}/{+path}?{q,r}");
}

TEST(UriTemplate, TakesNoLongerForHostileInput) {
  std::string text;
  for (int i = 0; i < 32; ++i) text += "{v" + std::to_string(i) + "}a";
  const std::string uri = std::string(matched_uri_bytes_max - 1, 'a') + "b";
  EXPECT_FALSE(made(text.c_str()).match(uri));
  EXPECT_FALSE(made("{+x}").match(std::string(matched_uri_bytes_max + 1, 'a')));
}

}  // namespace
}  // namespace sluice
