// SPDX-License-Identifier: Apache-2.0
// The HTTP/1.1 reader against a second reader, written apart from it: slow, simple, working on the whole text
// with strings, sharing no line of code. Both must tell the same story of any bytes: the same messages taken,
// the same place of refusal, the same place of waiting. The reader is fed in pieces, each in memory of
// exactly its size. What is written from the heads that were read is read again as them.
//
// The first byte of an input chooses role, limits and ending, the second seeds the cuts, the rest is the
// wire.

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "codec/http1.h"

using namespace sluice;

namespace {

struct Setting {
  HttpRole role;
  HttpLimits limits;
  bool no_body;
  bool finished;
};

// ---- The second reader ----

using Text = std::string;

bool all(const Text& text, const char* extra, bool percent) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80 && isalnum(c)) continue;
    if (c != 0 && std::strchr(extra, c)) continue;
    if (!percent || c != '%' || i + 2 >= text.size() || !isxdigit(static_cast<unsigned char>(text[i + 1])) ||
        !isxdigit(static_cast<unsigned char>(text[i + 2])))
      return false;
    i += 2;
  }
  return true;
}
bool plain_token(const Text& text) { return !text.empty() && all(text, "!#$%&'*+-.^_`|~", false); }
bool plain_value(const Text& text) {
  for (const char c : text)
    if (c != '\t' && (static_cast<unsigned char>(c) < 32 || c == 127)) return false;
  return true;
}
Text trimmed(Text text) {
  const std::size_t from = text.find_first_not_of(" \t");
  if (from == Text::npos) return "";
  return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}
Text lowered(Text text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}
// A list with its empty elements left out; quotes protect commas.
std::vector<Text> listed(const Text& text) {
  std::vector<Text> elements(1);
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\' && i + 1 < text.size()) {
      elements.back() += text[i++];
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == ',' && !quoted) {
      elements.emplace_back();
      continue;
    }
    elements.back() += text[i];
  }
  std::vector<Text> kept;
  for (const Text& element : elements)
    if (!trimmed(element).empty()) kept.push_back(lowered(trimmed(element)));
  return kept;
}

bool plain_host(const Text& text, bool needs_host, bool needs_port) {
  Text host = text;
  Text port;
  const std::size_t bracket = text.rfind(']');
  const std::size_t colon = text.find(':', bracket == Text::npos ? 0 : bracket);
  if (colon != Text::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  if (port.find_first_not_of("0123456789") != Text::npos) return false;
  const std::size_t digits = port.find_first_not_of('0');
  if (digits != Text::npos && (port.size() - digits > 5 || std::stoi(port.substr(digits)) > 65535))
    return false;
  if (needs_port && port.empty()) return false;
  if (host.empty()) return !needs_host;
  if (host[0] != '[') return all(host, "-._~!$&'()*+,;=", true);
  if (host.back() != ']') return false;
  host = host.substr(1, host.size() - 2);
  if (host.find('\0') != Text::npos) return false;
  in6_addr address;
  if (inet_pton(AF_INET6, host.c_str(), &address) == 1) return true;
  const std::size_t dot = host.find('.');
  if (dot == Text::npos || dot < 2 || (host[0] != 'v' && host[0] != 'V')) return false;
  if (host.substr(1, dot - 1).find_first_not_of("0123456789abcdefABCDEF") != Text::npos) return false;
  return dot + 1 < host.size() && all(host.substr(dot + 1), "-._~!$&'()*+,;=:", false);
}

struct Refused {};
struct Waiting {};

class SimpleReader {
 public:
  SimpleReader(const Setting& setting, Text wire) : setting_(setting), wire_(std::move(wire)) {}

  Text story() {
    try {
      while (at_ < wire_.size() || inside_) message();
      story_ += setting_.finished ? "closed" : "wait";
    } catch (const Refused&) {
      story_ += "refused";
    } catch (const Waiting&) {
      story_ += setting_.finished ? (idle_ ? "closed" : "refused") : "wait";
    }
    return story_;
  }

 private:
  static void demand(bool good) {
    if (!good) throw Refused();
  }

  // The next line without its end. More than `most` bytes before the LF, or before the end of what came, are
  // too many.
  Text line(std::size_t most) {
    const std::size_t lf = wire_.find('\n', at_);
    const std::size_t size = (lf == Text::npos ? wire_.size() : lf) - at_;
    demand(size <= most);
    if (lf == Text::npos) throw Waiting();
    demand(size > 0 && wire_[lf - 1] == '\r');
    const Text text = wire_.substr(at_, size - 1);
    at_ = lf + 1;
    return text;
  }

  void message() {
    if (!inside_) {
      idle_ = true;
      if (setting_.role == HttpRole::request && wire_[at_] == '\r') {
        if (at_ + 1 == wire_.size()) throw Waiting();
        demand(wire_[at_ + 1] == '\n');
        at_ += 2;
        if (at_ == wire_.size()) throw Waiting();
      }
      if (setting_.role == HttpRole::request) demand(plain_token(Text(1, wire_[at_])));
      interim_ = 0;
    } else if (at_ == wire_.size()) {
      throw Waiting();
    }
    if (setting_.role == HttpRole::response) demand(wire_[at_] == 'H');
    idle_ = false;
    inside_ = false;
    head();
  }

  void head() {
    const HttpLimits& limits = setting_.limits;
    const std::size_t begin = at_;
    const std::size_t block = limits.header_block_bytes_max;
    const Text start = line(std::min(limits.target_bytes_max + 256, block - 1));
    told_.clear();
    status_ = 0;
    if (setting_.role == HttpRole::request) {
      request_line(start);
    } else {
      status_line(start);
    }
    fields_.clear();
    for (;;) {
      demand(at_ - begin < block);
      const Text text = line(block - 1 - (at_ - begin));
      if (text.empty()) break;
      const std::size_t colon = text.find(':');
      demand(colon != Text::npos && plain_token(text.substr(0, colon)));
      const Text value = trimmed(text.substr(colon + 1));
      demand(value.size() <= limits.header_value_bytes_max && plain_value(value));
      demand(fields_.size() < limits.header_fields_max);
      fields_.emplace_back(lowered(text.substr(0, colon)), value);
      told_ += "[" + text.substr(0, colon) + "=" + value + "]";
    }
    framing();
  }

  void request_line(const Text& text) {
    const std::size_t one = text.find(' ');
    demand(one != Text::npos);
    const std::size_t two = text.find(' ', one + 1);
    demand(two != Text::npos);
    const Text method = text.substr(0, one);
    const Text target = text.substr(one + 1, two - one - 1);
    const Text version = text.substr(two + 1);
    demand(plain_token(method) && (version == "HTTP/1.1" || version == "HTTP/1.0"));
    minor_ = version.back() - '0';
    demand(target.size() <= setting_.limits.target_bytes_max);
    Text rest = target;
    if (method == "CONNECT") {
      demand(plain_host(target, true, true));
    } else if (target == "*") {
      demand(method == "OPTIONS");
    } else {
      if (lowered(rest).rfind("http://", 0) == 0 || lowered(rest).rfind("https://", 0) == 0) {
        rest = rest.substr(rest.find("//") + 2);
        const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
        const Text host = rest.substr(0, end);
        demand(plain_host(host, true, false) && host[0] != ':');
        rest = rest.substr(end);
        if (rest.empty() || rest[0] == '?') rest.insert(0, "/");
      }
      demand(!rest.empty() && rest[0] == '/');
      const std::size_t mark = std::min(rest.find('?'), rest.size());
      demand(all(rest.substr(0, mark), "-._~!$&'()*+,;=:@/", true) &&
             all(rest.substr(mark), "-._~!$&'()*+,;=:@/?", true));
    }
    told_ = method + " " + target;
    authority_ = method == "CONNECT" ? target : "";
    path_ = target;
    query_ = "";
    if (method == "CONNECT" || target == "*") return;
    if (target[0] != '/') {
      const std::size_t begin = target.find("//") + 2;
      const std::size_t end = std::min(target.find_first_of("/?", begin), target.size());
      authority_ = target.substr(begin, end - begin);
      path_ = target.substr(end);
      if (path_.empty() || path_[0] == '?') path_.insert(0, "/");
    }
    const std::size_t mark = std::min(path_.find('?'), path_.size());
    query_ = path_.substr(std::min(mark + 1, path_.size()));
    path_.resize(mark);
  }

  void status_line(const Text& text) {
    demand(text.size() >= 12 && (text.substr(0, 9) == "HTTP/1.1 " || text.substr(0, 9) == "HTTP/1.0 "));
    minor_ = text[7] - '0';
    const Text status = text.substr(9, 3);
    demand(status.find_first_not_of("0123456789") == Text::npos);
    status_ = std::stoi(status);
    demand(status_ >= 100 && status_ <= 599 && (text.size() == 12 || text[12] == ' ') && plain_value(text));
    told_ = status + "(" + (text.size() > 13 ? text.substr(13) : "") + ")";
  }

  std::vector<Text> values(const char* name) const {
    std::vector<Text> found;
    for (const auto& [key, value] : fields_)
      if (key == name) found.push_back(value);
    return found;
  }

  void framing() {
    const bool is_request = setting_.role == HttpRole::request;
    const auto hosts = values("host");
    const auto lengths = values("content-length");
    const auto codings = values("transfer-encoding");
    bool keep = minor_ == 1;
    bool close = false;
    bool upgrades = false;
    for (const Text& value : values("connection")) {
      for (const Text& element : listed(value)) {
        upgrades = upgrades || element == "upgrade";
        keep = keep || element == "keep-alive";
        close = close || element == "close";
      }
    }
    keep = keep && !close;
    if (is_request) {
      demand(hosts.size() == 1 || (hosts.empty() && minor_ == 0));
      demand(hosts.empty() || plain_host(hosts[0], false, false));
    }
    demand(lengths.size() + codings.size() <= 1);
    std::uint64_t length = 0;
    if (!lengths.empty()) {
      const Text& digits = lengths[0];
      demand(!digits.empty() && digits.find_first_not_of("0123456789") == Text::npos);
      demand(digits == "0" || digits[0] != '0');
      demand(digits.size() < 19 || (digits.size() == 19 && digits <= "9223372036854775807"));
      length = std::stoull(digits);
      demand(!is_request || length <= setting_.limits.body_bytes_max);
    }
    if (!codings.empty()) demand(minor_ == 1 && lowered(codings[0]) == "chunked");
    if (!is_request && status_ < 200 && status_ != 101) {
      demand(++interim_ <= setting_.limits.interim_responses_max);
      inside_ = true;
      return;
    }
    const bool empty = !is_request && (status_ == 101 || status_ == 204 || status_ == 304 ||
                                       (setting_.no_body && !past_first_));
    past_first_ = true;
    const bool until_close = !is_request && !empty && lengths.empty() && codings.empty();
    const auto upgrade = values("upgrade");
    const auto expect = values("expect");
    if (is_request && authority_.empty() && !hosts.empty()) authority_ = hosts[0];
    if (is_request) told_ += " " + authority_ + " " + path_ + " " + query_;
    if (upgrades && upgrade.size() == 1) told_ += " upgrade " + upgrade[0];
    if (is_request && minor_ == 1 && expect.size() == 1 && lowered(expect[0]) == "100-continue")
      told_ += " expect";
    if (!lengths.empty()) told_ += " length " + std::to_string(length);
    told_ += " " + std::to_string(minor_);
    story_ += told_ + (keep && !until_close ? " keep " : " close ");
    if (empty) {
    } else if (!codings.empty()) {
      chunks();
    } else if (until_close) {
      story_ += wire_.substr(at_);
      at_ = wire_.size();
      if (!setting_.finished) throw Waiting();
    } else {
      span(length);
    }
    story_ += " end\n";
    idle_ = true;
  }

  void span(std::uint64_t size) {
    const Text part = wire_.substr(at_, size);
    story_ += part;
    at_ += part.size();
    if (part.size() < size) throw Waiting();
  }

  static void word(Text& text, bool may_be_quoted) {
    if (may_be_quoted && !text.empty() && text[0] == '"') {
      std::size_t i = 1;
      for (; i < text.size() && text[i] != '"'; ++i)
        if (text[i] == '\\') ++i;
      demand(i < text.size() && plain_value(text.substr(0, i)));
      text = text.substr(i + 1);
      return;
    }
    std::size_t i = 0;
    while (i < text.size() && plain_token(Text(1, text[i]))) ++i;
    demand(i > 0);
    text = text.substr(i);
  }
  static void blanks(Text& text) {
    while (!text.empty() && (text[0] == ' ' || text[0] == '\t')) text = text.substr(1);
  }

  void chunks() {
    const HttpLimits& limits = setting_.limits;
    std::uint64_t total = 0;
    std::uint64_t extra = 0;
    for (;;) {
      Text text = line(limits.chunk_line_bytes_max + 1);
      std::size_t digits = 0;
      while (digits < text.size() && isxdigit(static_cast<unsigned char>(text[digits]))) ++digits;
      demand(digits > 0);
      const std::size_t zeros = std::min(text.find_first_not_of('0'), digits);
      demand(digits - zeros <= 16);
      const std::uint64_t size =
          zeros == digits ? 0 : std::stoull(text.substr(zeros, digits - zeros), nullptr, 16);
      demand(size <= INT64_MAX);
      extra += text.size() - std::min<std::size_t>(digits, 16);
      demand(extra <= limits.header_block_bytes_max);
      text = text.substr(digits);
      while (!text.empty()) {
        blanks(text);
        demand(!text.empty() && text[0] == ';');
        text = text.substr(1);
        blanks(text);
        word(text, false);
        Text behind = text;
        blanks(behind);
        if (behind.empty() || behind[0] != '=') continue;
        text = behind.substr(1);
        blanks(text);
        word(text, true);
      }
      if (size == 0) break;
      total += size;
      demand(setting_.role == HttpRole::response || total <= limits.body_bytes_max);
      span(size);
      for (const char wanted : {'\r', '\n'}) {
        if (at_ == wire_.size()) throw Waiting();
        demand(wire_[at_++] == wanted);
      }
    }
    std::size_t left = limits.trailer_bytes_max;
    for (;;) {
      const Text text = line(left + 1);
      if (text.empty()) return;
      left -= std::min(left, text.size() + 2);
      const std::size_t colon = text.find(':');
      demand(colon != Text::npos && plain_token(text.substr(0, colon)) &&
             plain_value(text.substr(colon + 1)));
    }
  }

  const Setting& setting_;
  Text wire_;
  std::size_t at_ = 0;
  Text story_;
  Text told_;
  std::vector<std::pair<Text, Text>> fields_;
  std::size_t interim_ = 0;
  Text authority_, path_, query_;
  int minor_ = 1;
  int status_ = 0;
  bool inside_ = false;  // behind an interim response
  bool idle_ = true;
  bool past_first_ = false;
};

// ---- The reader under test ----

// The head written anew is read as the same head.
void check_writing(const Setting& setting, const HttpHead& head) {
  Text out = "before";
  const bool request = setting.role == HttpRole::request;
  const Status written = request ? write_request_head(out, head.method, head.target, head.fields)
                                 : write_response_head(out, head.status, head.fields);
  CHECK(written.ok());
  Bytes input = Bytes(out).substr(6);
  // A message of 1.0 may lack what one of 1.1 must have.
  if (head.version_minor == 0) return;
  const HttpLimits limits;
  Http1Reader reader(setting.role, limits);
  CHECK(reader.next(input) == Http1Reader::Step::head);
  const HttpHead& again = reader.head();
  CHECK(again.method == head.method && again.target == head.target && again.status == head.status);
  CHECK(again.fields.size() == head.fields.size());
  for (std::size_t i = 0; i < again.fields.size(); ++i)
    CHECK(again.fields[i].name == head.fields[i].name && again.fields[i].value == head.fields[i].value);
  CHECK(request || again.reason == reason_phrase(head.status));
}

// Whatever the writers take is one message with that body, and what they refuse leaves no trace.
void check_writers(Bytes text, unsigned number) {
  const Bytes name = text.substr(0, text.find(':'));
  const Bytes value = text.substr(std::min(name.size() + 1, text.size()));
  const HeaderField fields[] = {{name, value}, {"X-Last", "1"}};
  const int status = static_cast<int>(number * 3 % 700);
  const HttpLimits limits;
  Text out;
  const bool good = plain_token(Text(name)) && plain_value(Text(value)) && trimmed(Text(value)) == value;
  const bool has_body = status >= 200 && status != 204 && status != 304;
  const Bytes type = number % 2 == 0 ? Bytes("text/plain") : value;
  const Status written = write_response(out, status, type, text, HeaderFields(fields, 2));
  CHECK(written.ok() == (good && status >= 100 && status <= 599 && (has_body || text.empty())));
  CHECK(written.ok() || out.empty());
  const bool framed = lowered(Text(name)) == "content-length" || lowered(Text(name)) == "transfer-encoding";
  if (written.ok() && has_body && !framed && value.size() <= limits.header_value_bytes_max) {
    Http1Reader reader(HttpRole::response, limits);
    Bytes input = out;
    CHECK(reader.next(input) == Http1Reader::Step::head && reader.head().status == status);
    CHECK(header_value(reader.head().fields, name) == value || lowered(Text(name)) == "content-type");
    CHECK(reader.head().content_length == text.size());
    if (!text.empty()) CHECK(reader.next(input) == Http1Reader::Step::body && reader.body() == text);
    CHECK(reader.next(input) == Http1Reader::Step::end && input.empty());
  }
  out.clear();
  const bool plain_target =
      !value.empty() && std::all_of(value.begin(), value.end(), [](char c) { return c > 32 && c < 127; });
  CHECK(write_request_head(out, name, value, {{"Host", "h"}}).ok() ==
        (plain_token(Text(name)) && plain_target));
  CHECK(write_response_head(out, 200, {{name, value}}).ok() == good);
  out.clear();
  CHECK(write_request_head(out, "POST", "/", {{"Host", "h"}, {"Transfer-Encoding", "chunked"}}).ok());
  for (std::size_t at = 0; at < text.size(); at += number + 1) write_chunk(out, text.substr(at, number + 1));
  write_chunk(out, "");
  write_last_chunk(out);
  Http1Reader reader(HttpRole::request, limits);
  Bytes input = out;
  Text body;
  CHECK(reader.next(input) == Http1Reader::Step::head);
  while (reader.next(input) == Http1Reader::Step::body) body.append(reader.body());
  CHECK(input.empty() && body == text && reader.idle());
}

Text story_of(const Setting& setting, Bytes wire, unsigned seed) {
  Http1Reader reader(setting.role, setting.limits);
  if (setting.no_body) reader.expect_no_body();
  Text story;
  const auto tell = [&](Http1Reader::Step step) {
    if (step == Http1Reader::Step::head) {
      const HttpHead& head = reader.head();
      if (setting.role == HttpRole::request) {
        story.append(head.method).append(" ").append(head.target);
      } else {
        story.append(std::to_string(head.status)).append("(").append(head.reason).append(")");
      }
      for (const HeaderField& field : head.fields)
        story.append("[").append(field.name).append("=").append(field.value).append("]");
      if (setting.role == HttpRole::request)
        story.append(" ").append(head.authority).append(" ").append(head.path).append(" ").append(head.query);
      if (!head.upgrade.empty()) story.append(" upgrade ").append(head.upgrade);
      if (head.expect_continue) story += " expect";
      if (count_headers(head.fields, "content-length") != 0)
        story += " length " + std::to_string(head.content_length);
      story += " " + std::to_string(head.version_minor);
      check_writing(setting, head);
      CHECK(reader.keep_alive() == head.keep_alive && !reader.idle());
      story += head.keep_alive ? " keep " : " close ";
    } else if (step == Http1Reader::Step::body) {
      CHECK(!reader.body().empty());
      story.append(reader.body());
    } else if (step == Http1Reader::Step::end) {
      story += " end\n";
    } else if (step == Http1Reader::Step::refused) {
      CHECK(reader.refusal().status >= 400 && !reader.refusal().sentence.empty() && !reader.keep_alive());
      story += "refused";
    }
  };
  while (!wire.empty()) {
    // Seed 0 gives all at once, 1 single bytes, any other pieces of varying length.
    seed = seed <= 1 ? seed : seed * 1103515245U + 12345U;
    const std::size_t size =
        seed == 0 ? wire.size() : std::min<std::size_t>(wire.size(), 1 + (seed <= 1 ? 0 : seed >> 16 & 31));
    const std::unique_ptr<char[]> piece(new char[size]);
    std::memcpy(piece.get(), wire.data(), size);
    wire.remove_prefix(size);
    Bytes input(piece.get(), size);
    for (;;) {
      const auto step = reader.next(input);
      tell(step);
      if (step == Http1Reader::Step::refused) return story;
      if (step == Http1Reader::Step::need_bytes) break;
    }
    CHECK(input.empty());
  }
  if (!setting.finished) return story + "wait";
  const auto step = reader.finish();
  tell(step);
  return step == Http1Reader::Step::refused ? story : story + "closed";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size < 2) return 0;
  Setting setting{(data[0] & 1) != 0 ? HttpRole::response : HttpRole::request,
                  {},
                  (data[0] & 2) != 0,
                  (data[0] & 4) != 0};
  if ((data[0] & 8) != 0) {
    setting.limits.target_bytes_max = 12;
    setting.limits.header_value_bytes_max = 16;
    setting.limits.header_block_bytes_max = 120;
    setting.limits.header_fields_max = 5;
    setting.limits.chunk_line_bytes_max = 20;
    setting.limits.trailer_bytes_max = 24;
    setting.limits.body_bytes_max = 20;
    setting.limits.interim_responses_max = 1;
  }
  const Bytes wire(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Text expected = SimpleReader(setting, Text(wire)).story();
  check_writers(wire, data[1]);
  for (const unsigned seed : {0U, 1U, data[1] + 2U}) CHECK(story_of(setting, wire, seed) == expected);
  return 0;
}
