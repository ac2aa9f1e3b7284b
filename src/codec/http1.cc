// SPDX-License-Identifier: Apache-2.0
#include "codec/http1.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "codec/url.h"

namespace sluice {

// Memory that exists only while a head, or a line that came in pieces, is being read.
struct Http1Reader::Message {
  HttpHead head;
  std::string gathered;    // what came so far when the head or line did not lie whole in one input
  std::size_t parsed = 0;  // bytes of whole lines done with
  bool has_start_line = false;
  // The fields that decide about framing: how often each came, and the last one's index.
  struct Seen {
    std::size_t count = 0;
    std::size_t last = 0;
  };
  Seen host, connection, content_length, transfer_encoding, expect, upgrade;

  // Appends to `gathered`; when that moves it, all views into it (or, the first time, into `text`) move
  // along.
  void gather(Bytes more) {
    if (gathered.size() + more.size() <= gathered.capacity()) {
      gathered.append(more);
      return;
    }
    std::string larger;
    larger.reserve(std::max(2 * gathered.size(), gathered.size() + more.size()));
    larger.append(gathered).append(more);
    move_views(gathered.data(), larger.data());
    gathered = std::move(larger);
  }

  void move_views(const char* from, const char* to) {
    const auto move = [from, to](Bytes& view) {
      if (!view.empty()) view = Bytes(to + (view.data() - from), view.size());
    };
    for (Bytes* view : {&head.method, &head.target, &head.path, &head.query, &head.authority, &head.reason})
      move(*view);
    for (HeaderField& field : head.fields) {
      move(field.name);
      move(field.value);
    }
  }

  [[nodiscard]] Bytes value_of(const Seen& seen) const { return head.fields[seen.last].value; }
};

namespace {

// Every refusal there is, as a server answers it. A sentence goes to the peer, so it quotes nothing that the
// peer sent.
constexpr HttpRefusal bare_line_end{400, "A line does not end with CR LF."};
constexpr HttpRefusal bad_request_line{400, "The request line is not method, target and version."};
constexpr HttpRefusal bad_method{400, "The method is not a token."};
constexpr HttpRefusal bad_target{400, "The request target is not valid."};
constexpr HttpRefusal target_too_long{414, "The request target is too long."};
constexpr HttpRefusal bad_version{505, "Only HTTP/1.1 and HTTP/1.0 are spoken here."};
constexpr HttpRefusal bad_status_line{400, "The status line is not version, status and reason."};
constexpr HttpRefusal head_too_large{431, "The header block is too large."};
constexpr HttpRefusal value_too_long{431, "The value of a header field is too long."};
constexpr HttpRefusal too_many_fields{431, "There are too many header fields."};
constexpr HttpRefusal folded_field{400, "A header line begins with a blank."};
constexpr HttpRefusal bad_field_name{400, "The name of a header field is not a token followed by a colon."};
constexpr HttpRefusal bad_field_value{400, "The value of a header field holds a control character."};
constexpr HttpRefusal no_host{400, "The Host field is missing."};
constexpr HttpRefusal many_hosts{400, "There is more than one Host field."};
constexpr HttpRefusal bad_host{400, "The Host field is not a host with an optional port."};
constexpr HttpRefusal many_lengths{400, "There is more than one Content-Length."};
constexpr HttpRefusal bad_length{400, "Content-Length is not a decimal number in range."};
constexpr HttpRefusal length_and_coding{400, "Content-Length and Transfer-Encoding are both there."};
constexpr HttpRefusal coding_in_old_version{400, "HTTP/1.0 has no Transfer-Encoding."};
constexpr HttpRefusal bad_coding{400, "Transfer-Encoding does not end with chunked, once."};
constexpr HttpRefusal unknown_coding{501, "No transfer coding but chunked is understood."};
constexpr HttpRefusal body_too_large{413, "The body is too large."};
constexpr HttpRefusal bad_chunk_line{400, "A chunk does not begin with a hexadecimal size in range."};
constexpr HttpRefusal chunk_line_too_long{400, "The first line of a chunk is too long."};
constexpr HttpRefusal extensions_too_large{400, "The chunk extensions of the body are too large."};
constexpr HttpRefusal bad_chunk_end{400, "A chunk is not followed by CR LF."};
constexpr HttpRefusal trailer_too_large{431, "The trailer fields are too large."};
constexpr HttpRefusal too_many_interim{400, "There are too many interim responses."};
constexpr HttpRefusal cut_short{400, "The message ended before it was complete."};

constexpr std::size_t start_line_extra_bytes = 256;  // method, version and reason beside the target
constexpr std::size_t fields_reserved = 16;

enum : std::uint8_t { name_char = 1, target_char = 2, digit_char = 4, hex_char = 8 };

constexpr auto char_classes = [] {
  std::array<std::uint8_t, 256> table{};
  const auto add = [&table](Bytes chars, std::uint8_t bit) {
    for (const char c : chars) table[static_cast<unsigned char>(c)] |= bit;
  };
  constexpr Bytes alphanumeric = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  add(alphanumeric, name_char | target_char);
  add("!#$%&'*+-.^_`|~", name_char);
  add("-._~!$&'()*+,;=:@/", target_char);  // pchar and "/", RFC 3986 3.3, but for percent
  add("0123456789", digit_char | hex_char);
  add("abcdefABCDEF", hex_char);
  return table;
}();

constexpr bool is_a(std::uint8_t bit, char c) {
  return (char_classes[static_cast<unsigned char>(c)] & bit) != 0;
}

constexpr unsigned hex_value(char c) {
  return static_cast<unsigned>(is_a(digit_char, c) ? c - '0' : (c | 0x20) - 'a' + 10);
}

// Length of the longest run of path characters and whole percent-encodings at the front.
std::size_t path_size(Bytes text) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (is_a(target_char, text[at])) {
      ++at;
    } else if (text[at] == '%' && at + 2 < text.size() && is_a(hex_char, text[at + 1]) &&
               is_a(hex_char, text[at + 2])) {
      at += 3;
    } else {
      break;
    }
  }
  return at;
}

bool is_query(Bytes text) {
  std::size_t at = 0;
  while ((at += path_size(text.substr(at))) < text.size() && text[at] == '?') ++at;
  return at == text.size();
}

// The minor version of "HTTP/1.0" and "HTTP/1.1"; -1 when it is not a version, -2 when it is another one.
int version_minor(Bytes text) {
  if (text.size() != 8 || !text.starts_with("HTTP/") || text[6] != '.') return -1;
  if (!is_a(digit_char, text[5]) || !is_a(digit_char, text[7])) return -1;
  if (text[5] != '1' || text[7] > '1') return -2;
  return text[7] - '0';
}

// 1*DIGIT below 2^63 (RFC 9110 8.6), without zeros in front, which some read as octal.
bool parse_length(Bytes text, std::uint64_t& length) {
  length = 0;
  if (text.size() > 1 && text[0] == '0') return false;
  for (const char c : text) {
    if (!is_a(digit_char, c)) return false;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (length > (INT64_MAX - digit) / 10) return false;
    length = length * 10 + digit;
  }
  return !text.empty();
}

Bytes skip_blanks(Bytes text) {
  while (!text.empty() && (text[0] == ' ' || text[0] == '\t')) text.remove_prefix(1);
  return text;
}

// Takes a token or, where allowed, a quoted string (RFC 9110 5.6.4) from the front; false when there is none.
bool take_word(Bytes& text, bool may_be_quoted) {
  if (may_be_quoted && text.starts_with('"')) {
    std::size_t at = 1;
    while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
    if (at >= text.size() || has_field_control(text.substr(0, at))) return false;
    text.remove_prefix(at + 1);
    return true;
  }
  std::size_t size = 0;
  while (size < text.size() && is_a(name_char, text[size])) ++size;
  text.remove_prefix(size);
  return size != 0;
}

// RFC 9112 7.1.1: *( BWS ";" BWS name [ BWS "=" BWS value ] ).
bool are_chunk_extensions(Bytes text) {
  while (!text.empty()) {
    text = skip_blanks(text);
    if (!text.starts_with(';')) return false;
    text = skip_blanks(text.substr(1));
    if (!take_word(text, false)) return false;
    const Bytes behind = skip_blanks(text);
    if (!behind.starts_with('=')) continue;
    text = skip_blanks(behind.substr(1));
    if (!take_word(text, true)) return false;
  }
  return true;
}

// RFC 9112 6.1 and 6.3: a list that ends with chunked, and names it once, has a coding that we lack; any
// other leaves the length of the body unknown.
const HttpRefusal* coding_refusal(Bytes coding) {
  Bytes last;
  int elements = 0;
  int times_chunked = 0;
  ListReader list(coding);
  while (const auto element = list.next()) {
    last = *element;
    ++elements;
    times_chunked += equals_ignoring_case(last, "chunked") ? 1 : 0;
  }
  const bool ends_chunked = times_chunked == 1 && equals_ignoring_case(last, "chunked");
  return ends_chunked && elements > 1 ? &unknown_coding : &bad_coding;
}

}  // namespace

Http1Reader::Http1Reader(HttpRole role, const HttpLimits& limits) : limits_(&limits), role_(role) {}
Http1Reader::Http1Reader(Http1Reader&&) noexcept = default;
Http1Reader& Http1Reader::operator=(Http1Reader&&) noexcept = default;
Http1Reader::~Http1Reader() = default;

const HttpHead& Http1Reader::head() const {
  CHECK(message_ && lent_);
  return message_->head;
}

HttpRefusal Http1Reader::refusal() const {
  CHECK(refusal_ != nullptr);
  if (role_ == HttpRole::response) return HttpRefusal{502, refusal_->sentence};
  return *refusal_;
}

Http1Reader::Step Http1Reader::refuse(const HttpRefusal& why) {
  refusal_ = &why;
  state_ = State::refused;
  keep_alive_ = false;
  message_.reset();
  return Step::refused;
}

Http1Reader::Step Http1Reader::next(Bytes& input) {
  body_ = Bytes();
  if (lent_) {
    message_.reset();
    lent_ = false;
  }
  switch (state_) {
    case State::start: return read_head(input);
    case State::length:
    case State::until_close: return read_span(input);
    case State::chunk_line:
    case State::chunk_data:
    case State::chunk_cr:
    case State::chunk_lf:
    case State::trailer: return read_chunked(input);
    case State::body_done:
      state_ = State::start;
      no_body_ = false;
      skipped_line_ = false;
      interim_ = 0;
      return Step::end;
    case State::refused: break;
  }
  return Step::refused;
}

Http1Reader::Step Http1Reader::finish() {
  body_ = Bytes();
  if (state_ == State::refused) return Step::refused;
  if (idle() && interim_ == 0) return Step::need_bytes;
  if (state_ != State::until_close && state_ != State::body_done) return refuse(cut_short);
  state_ = State::body_done;
  Bytes nothing;
  return next(nothing);
}

// RFC 9112 2.2: one empty line before a request line is passed over. Needs no memory, so that a reader that
// saw one is idle still. False when a CR is not followed by LF.
bool Http1Reader::skip_empty_line(Bytes& input) {
  if (skipped_line_ || role_ == HttpRole::response || input.empty()) return true;
  if (!begins_with_cr_) {
    if (input[0] != '\r') return true;
    begins_with_cr_ = true;
    input.remove_prefix(1);
    if (input.empty()) return true;
  }
  begins_with_cr_ = false;
  if (input[0] != '\n') return false;
  skipped_line_ = true;
  input.remove_prefix(1);
  return true;
}

Http1Reader::Step Http1Reader::read_head(Bytes& input) {
  for (;;) {
    bool complete = false;
    const HttpRefusal* why = nullptr;
    if (!message_) {
      if (!skip_empty_line(input)) return refuse(bare_line_end);
      if (input.empty()) return Step::need_bytes;
      // What cannot begin a message is not waited for: a TLS handshake on this port, say.
      if (role_ == HttpRole::request && !is_a(name_char, input[0])) return refuse(bad_request_line);
      if (role_ == HttpRole::response && input[0] != 'H') return refuse(bad_status_line);
      message_ = std::make_unique<Message>();
      message_->head.fields.reserve(std::min(fields_reserved, limits_->header_fields_max));
      why = parse_head(input, complete);
      if (complete) input.remove_prefix(message_->parsed);
      if (!why && !complete) {
        // The views so far point into the input; now they follow the bytes into memory of our own.
        message_->gathered.reserve(input.size() + input.size() / 2);
        message_->gathered.append(input);
        message_->move_views(input.data(), message_->gathered.data());
        input = Bytes();
      }
    } else {
      const std::size_t newline = input.find('\n');
      const std::size_t taken = newline == Bytes::npos ? input.size() : newline + 1;
      message_->gather(input.substr(0, taken));
      input.remove_prefix(taken);
      why = parse_head(message_->gathered, complete);
    }
    if (!why && complete) why = settle_head();
    if (why) return refuse(*why);
    if (complete) {
      const int status = message_->head.status;
      if (role_ == HttpRole::request || status >= 200 || status == 101) return begin_body();
      if (++interim_ > limits_->interim_responses_max) return refuse(too_many_interim);
      message_.reset();
    } else if (input.empty()) {
      return Step::need_bytes;
    }
  }
}

// Judges the lines of `text` that are whole and were not judged yet. A line is judged once its LF is there,
// and the limits are counted in bytes from the front, so the verdict does not depend on how the head was cut.
const HttpRefusal* Http1Reader::parse_head(Bytes text, bool& complete) {
  Message& message = *message_;
  // Never more than the block may have, or the answer to an endless start line would depend on its pieces.
  const std::size_t start_line_bytes_max =
      std::min(limits_->target_bytes_max + start_line_extra_bytes,
               std::max<std::size_t>(limits_->header_block_bytes_max, 1) - 1);
  for (;;) {
    const std::size_t begin = message.parsed;
    const void* newline = std::memchr(text.data() + begin, '\n', text.size() - begin);
    const std::size_t end = newline != nullptr
                                ? static_cast<std::size_t>(static_cast<const char*>(newline) - text.data())
                                : text.size();
    if (!message.has_start_line && end - begin > start_line_bytes_max) return &target_too_long;
    if (end >= limits_->header_block_bytes_max) return &head_too_large;
    if (newline == nullptr) return nullptr;
    if (end == begin || text[end - 1] != '\r') return &bare_line_end;
    const Bytes line = text.substr(begin, end - 1 - begin);
    message.parsed = end + 1;
    const HttpRefusal* why = nullptr;
    if (!message.has_start_line) {
      message.has_start_line = true;
      why = role_ == HttpRole::request ? parse_request_line(line) : parse_status_line(line);
    } else if (line.empty()) {
      complete = true;
      return nullptr;
    } else {
      why = parse_field(line);
    }
    if (why) return why;
  }
}

const HttpRefusal* Http1Reader::parse_request_line(Bytes line) {
  HttpHead& head = message_->head;
  const std::size_t first = line.find(' ');
  if (first == Bytes::npos) return &bad_request_line;
  const std::size_t second = line.find(' ', first + 1);
  if (second == Bytes::npos) return &bad_request_line;
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, second - first - 1);
  if (!is_token(head.method)) return &bad_method;
  head.version_minor = version_minor(line.substr(second + 1));
  if (head.version_minor == -1) return &bad_request_line;
  if (head.version_minor == -2) return &bad_version;
  if (head.target.size() > limits_->target_bytes_max) return &target_too_long;
  return parse_target();
}

// RFC 9112 3.2: origin, absolute, authority and asterisk form.
const HttpRefusal* Http1Reader::parse_target() {
  HttpHead& head = message_->head;
  head.path = head.target;
  if (head.method == "CONNECT") {
    const auto authority = parse_host_port(head.target);
    if (!authority || authority->host.empty() || !authority->port) return &bad_target;
    head.authority = head.target;
    return nullptr;
  }
  if (head.target == "*") return head.method == "OPTIONS" ? nullptr : &bad_target;
  if (head.target.starts_with('/')) {
    const std::size_t size = path_size(head.target);
    head.path = head.target.substr(0, size);
    if (size == head.target.size()) return nullptr;
    head.query = head.target.substr(size + 1);
    return head.target[size] == '?' && is_query(head.query) ? nullptr : &bad_target;
  }
  const auto url = parse_http_url(head.target);
  if (!url) return &bad_target;
  head.authority = *url->authority;
  head.path = url->path;
  head.query = url->query.value_or(Bytes());
  return nullptr;
}

// RFC 9112 4. A missing blank before an absent reason is taken: it is common and cannot be misread.
const HttpRefusal* Http1Reader::parse_status_line(Bytes line) {
  HttpHead& head = message_->head;
  head.version_minor = version_minor(line.substr(0, 8));
  if (head.version_minor < 0) return &bad_status_line;
  const Bytes rest = line.substr(8);
  if (rest.size() < 4 || rest[0] != ' ' || (rest.size() > 4 && rest[4] != ' ')) return &bad_status_line;
  for (const char c : rest.substr(1, 3)) {
    if (!is_a(digit_char, c)) return &bad_status_line;
    head.status = head.status * 10 + (c - '0');
  }
  if (head.status < 100 || head.status > 599) return &bad_status_line;
  if (rest.size() > 5) head.reason = rest.substr(5);
  return has_field_control(head.reason) ? &bad_status_line : nullptr;
}

const HttpRefusal* Http1Reader::parse_field(Bytes line) {
  Message& message = *message_;
  std::size_t size = 0;
  while (size < line.size() && is_a(name_char, line[size])) ++size;
  if (size == 0 && (line[0] == ' ' || line[0] == '\t')) return &folded_field;
  if (size == 0 || size == line.size() || line[size] != ':') return &bad_field_name;
  const Bytes name = line.substr(0, size);
  const Bytes value = trim_blanks(line.substr(size + 1));
  if (value.size() > limits_->header_value_bytes_max) return &value_too_long;
  if (has_field_control(value)) return &bad_field_value;
  if (message.head.fields.size() == limits_->header_fields_max) return &too_many_fields;

  Message::Seen* seen = nullptr;
  const auto note = [&](Bytes known, Message::Seen& as) {
    if (equals_ignoring_case(name, known)) seen = &as;
  };
  switch (size) {
    case 4: note("host", message.host); break;
    case 6: note("expect", message.expect); break;
    case 7: note("upgrade", message.upgrade); break;
    case 10: note("connection", message.connection); break;
    case 14: note("content-length", message.content_length); break;
    case 17: note("transfer-encoding", message.transfer_encoding); break;
    default: break;
  }
  if (seen != nullptr) {
    ++seen->count;
    seen->last = message.head.fields.size();
  }
  message.head.fields.push_back(HeaderField{name, value});
  return nullptr;
}

// What can be said once all fields are there.
const HttpRefusal* Http1Reader::settle_head() {
  Message& message = *message_;
  HttpHead& head = message.head;
  head.keep_alive = head.version_minor == 1;
  if (message.connection.count != 0) {
    const bool close = header_lists(head.fields, "connection", "close");
    const bool keep = head.keep_alive || header_lists(head.fields, "connection", "keep-alive");
    head.keep_alive = keep && !close;
    if (message.upgrade.count == 1 && header_lists(head.fields, "connection", "upgrade"))
      head.upgrade = message.value_of(message.upgrade);
  }
  if (role_ == HttpRole::request) {
    if (const HttpRefusal* why = settle_request()) return why;
  }
  return settle_framing();
}

const HttpRefusal* Http1Reader::settle_request() {
  Message& message = *message_;
  HttpHead& head = message.head;
  if (message.host.count > 1) return &many_hosts;
  if (message.host.count == 0 && head.version_minor == 1) return &no_host;
  if (message.host.count == 1) {
    const Bytes host = message.value_of(message.host);
    if (!parse_host_port(host)) return &bad_host;
    if (head.authority.empty()) head.authority = host;
  }
  if (head.path.empty()) head.path = "/";  // Absolute form without a path.
  head.expect_continue = head.version_minor == 1 && message.expect.count == 1 &&
                         equals_ignoring_case(message.value_of(message.expect), "100-continue");
  return nullptr;
}

// RFC 9112 6.1 to 6.3.
const HttpRefusal* Http1Reader::settle_framing() {
  Message& message = *message_;
  HttpHead& head = message.head;
  const bool is_request = role_ == HttpRole::request;
  if (message.content_length.count > 1) return &many_lengths;
  if (message.content_length.count == 1) {
    if (!parse_length(message.value_of(message.content_length), head.content_length)) return &bad_length;
    if (message.transfer_encoding.count != 0) return &length_and_coding;
    if (is_request && head.content_length > limits_->body_bytes_max) return &body_too_large;
    head.framing = HttpFraming::length;
  } else if (message.transfer_encoding.count != 0) {
    if (head.version_minor == 0) return &coding_in_old_version;
    const Bytes coding = message.value_of(message.transfer_encoding);
    if (message.transfer_encoding.count > 1) return &bad_coding;
    if (!equals_ignoring_case(coding, "chunked")) return coding_refusal(coding);
    head.framing = HttpFraming::chunked;
  } else if (!is_request) {
    head.framing = HttpFraming::until_close;
  }
  if (!is_request && (no_body_ || head.status < 200 || head.status == 204 || head.status == 304))
    head.framing = HttpFraming::none;
  if (head.framing == HttpFraming::until_close) head.keep_alive = false;
  return nullptr;
}

Http1Reader::Step Http1Reader::begin_body() {
  const HttpHead& head = message_->head;
  keep_alive_ = head.keep_alive;
  remaining_ = head.content_length;
  body_bytes_ = extra_bytes_ = 0;
  switch (head.framing) {
    case HttpFraming::none: state_ = State::body_done; break;
    case HttpFraming::length: state_ = remaining_ == 0 ? State::body_done : State::length; break;
    case HttpFraming::chunked: state_ = State::chunk_line; break;
    case HttpFraming::until_close: state_ = State::until_close; break;
  }
  lent_ = true;
  return Step::head;
}

Http1Reader::Step Http1Reader::read_span(Bytes& input) {
  if (input.empty()) return Step::need_bytes;
  const bool bounded = state_ == State::length;
  const std::size_t size =
      bounded ? static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size())) : input.size();
  body_ = input.substr(0, size);
  input.remove_prefix(size);
  if (bounded && (remaining_ -= size) == 0) state_ = State::body_done;
  return Step::body;
}

// RFC 9112 7.1.
Http1Reader::Step Http1Reader::read_chunked(Bytes& input) {
  while (!input.empty()) {
    if (state_ == State::chunk_data) {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size()));
      body_ = input.substr(0, size);
      input.remove_prefix(size);
      if ((remaining_ -= size) == 0) state_ = State::chunk_cr;
      return Step::body;
    }
    if (state_ == State::chunk_cr || state_ == State::chunk_lf) {
      const bool cr = state_ == State::chunk_cr;
      if (input[0] != (cr ? '\r' : '\n')) return refuse(bad_chunk_end);
      input.remove_prefix(1);
      state_ = cr ? State::chunk_lf : State::chunk_line;
      continue;
    }
    const bool trailer = state_ == State::trailer;
    const std::size_t left =
        limits_->trailer_bytes_max - static_cast<std::size_t>(trailer ? extra_bytes_ : 0);
    Bytes line;
    const Line taken = take_line(input, trailer ? left : limits_->chunk_line_bytes_max, line);
    if (taken == Line::partial) return Step::need_bytes;
    if (taken == Line::bad) return Step::refused;
    const HttpRefusal* why = trailer ? parse_trailer_line(line) : parse_chunk_line(line);
    if (why) return refuse(*why);
    message_.reset();
    if (state_ == State::body_done) {
      Bytes nothing;
      return next(nothing);
    }
  }
  return Step::need_bytes;
}

// Takes a line without its CR LF; gathers it when it comes in pieces. `line` is valid until message_ is
// reset.
Http1Reader::Line Http1Reader::take_line(Bytes& input, std::size_t limit, Bytes& line) {
  const std::size_t newline = input.find('\n');
  const std::size_t taken = newline == Bytes::npos ? input.size() : newline + 1;
  const std::size_t gathered = message_ ? message_->gathered.size() : 0;
  // Either way at most one byte, the CR, is not the line's own.
  if (gathered + taken - (newline == Bytes::npos ? 0 : 1) > limit + 1) {
    refuse(state_ == State::trailer ? trailer_too_large : chunk_line_too_long);
    return Line::bad;
  }
  line = input.substr(0, taken);
  input.remove_prefix(taken);
  if (message_ || newline == Bytes::npos) {
    if (!message_) message_ = std::make_unique<Message>();
    line = message_->gathered.append(line);
  }
  if (newline == Bytes::npos) return Line::partial;
  if (!line.ends_with("\r\n")) {
    refuse(bare_line_end);
    return Line::bad;
  }
  line.remove_suffix(2);
  return Line::whole;
}

const HttpRefusal* Http1Reader::parse_chunk_line(Bytes line) {
  std::size_t size = 0;
  std::uint64_t value = 0;
  for (; size < line.size() && is_a(hex_char, line[size]); ++size) {
    if (value > (INT64_MAX >> 4)) return &bad_chunk_line;
    value = value << 4 | hex_value(line[size]);
  }
  if (size == 0 || !are_chunk_extensions(line.substr(size))) return &bad_chunk_line;
  // Extensions are paid for by the message: a body of one-byte chunks must not carry hundreds of bytes each.
  extra_bytes_ += line.size() - std::min<std::size_t>(size, 16);
  if (extra_bytes_ > limits_->header_block_bytes_max) return &extensions_too_large;
  if (value == 0) {
    extra_bytes_ = 0;
    state_ = State::trailer;
    return nullptr;
  }
  body_bytes_ += value;
  if (role_ == HttpRole::request && (body_bytes_ < value || body_bytes_ > limits_->body_bytes_max))
    return &body_too_large;
  remaining_ = value;
  state_ = State::chunk_data;
  return nullptr;
}

// Trailer fields must be well formed and are then dropped (RFC 9110 6.5.1).
const HttpRefusal* Http1Reader::parse_trailer_line(Bytes line) {
  if (line.empty()) {
    state_ = State::body_done;
    return nullptr;
  }
  extra_bytes_ = std::min<std::uint64_t>(extra_bytes_ + line.size() + 2, limits_->trailer_bytes_max);
  if (line[0] == ' ' || line[0] == '\t') return &folded_field;
  const std::size_t colon = line.find(':');
  if (colon == Bytes::npos || !is_token(line.substr(0, colon))) return &bad_field_name;
  return has_field_control(line.substr(colon + 1)) ? &bad_field_value : nullptr;
}

}  // namespace sluice
