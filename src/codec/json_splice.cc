// SPDX-License-Identifier: Apache-2.0
#include "codec/json_splice.h"

#include <algorithm>

#include "base/check.h"
#include "codec/json_writer.h"

namespace sluice {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::uint32_t skip_blanks(Bytes text, std::uint32_t at) {
  while (at < text.size() && is_blank(text[at])) ++at;
  return at;
}

std::uint32_t skip_blanks_back(Bytes text, std::uint32_t at) {
  while (at > 0 && is_blank(text[at - 1])) --at;
  return at;
}

}  // namespace

JsonSplice& JsonSplice::replace(JsonSpan value, Bytes json) {
  CHECK(value.present());
  edits_.push_back(
      Edit{Action::replace, value.begin, value.end, static_cast<std::uint32_t>(edits_.size()), {}, json});
  return *this;
}

JsonSplice& JsonSplice::remove(JsonSpan member) {
  CHECK(member.present() && member.key != 0);
  edits_.push_back(
      Edit{Action::remove, member.key, member.end, static_cast<std::uint32_t>(edits_.size()), {}, {}});
  return *this;
}

JsonSplice& JsonSplice::insert(JsonSpan object, Bytes name, Bytes json) {
  CHECK(object.present());
  const std::uint32_t place = object.begin + 1;
  edits_.push_back(Edit{Action::insert, place, place, static_cast<std::uint32_t>(edits_.size()), name, json});
  return *this;
}

JsonSplice& JsonSplice::set(JsonSpan object, JsonSpan member, Bytes name, Bytes json) {
  return member ? replace(member, json) : insert(object, name, json);
}

// Puts the edits in the order of the text and gives every removal its comma: the one behind it, or, for the
// last member, the one before it, together with the removals in between.
void JsonSplice::settle(Bytes text) {
  plan_ = edits_;
  std::sort(plan_.begin(), plan_.end(), [](const Edit& a, const Edit& b) {
    const bool a_later = a.action != Action::insert;
    const bool b_later = b.action != Action::insert;
    if (a.begin != b.begin) return a.begin < b.begin;
    return a_later != b_later ? b_later : a.order < b.order;
  });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < plan_.size(); ++i) {
    Edit edit = plan_[i];
    if (edit.action == Action::remove) {
      const std::uint32_t behind = skip_blanks(text, edit.end);
      if (behind < text.size() && text[behind] == ',') {
        edit.end = behind + 1;
      } else {
        std::uint32_t before = skip_blanks_back(text, edit.begin);
        while (kept > 0 && plan_[kept - 1].action == Action::remove && plan_[kept - 1].end == before) {
          before = skip_blanks_back(text, plan_[--kept].begin);
        }
        if (before > 0 && text[before - 1] == ',') --before;
        edit.begin = before;
      }
    }
    plan_[kept++] = edit;
  }
  plan_.resize(kept);
}

// A comma follows the new member unless nothing is left in the object behind it.
void JsonSplice::append_insert(std::string& out, Bytes text, std::size_t index) const {
  const Edit& edit = plan_[index];
  append_json_string(out, edit.name);
  out.append(":").append(edit.json);
  std::size_t next = index + 1;
  if (next < plan_.size() && plan_[next].action == Action::insert && plan_[next].begin == edit.begin) {
    out.push_back(',');
    return;
  }
  std::uint32_t at = skip_blanks(text, edit.end);
  while (next < plan_.size() && plan_[next].action == Action::remove && plan_[next].begin <= at) {
    at = skip_blanks(text, plan_[next++].end);
  }
  if (at < text.size() && text[at] != '}') out.push_back(',');
}

void JsonSplice::append_to(std::string& out, Bytes text) {
  append_to(out, text, JsonSpan{0, 0, static_cast<std::uint32_t>(text.size())});
}

void JsonSplice::append_to(std::string& out, Bytes text, JsonSpan part) {
  settle(text);
  std::size_t added = part.size();
  for (const Edit& edit : plan_) added += edit.name.size() + edit.json.size() + 4;
  out.reserve(out.size() + added);
  std::uint32_t at = part.begin;
  for (std::size_t i = 0; i < plan_.size(); ++i) {
    const Edit& edit = plan_[i];
    CHECK(edit.begin >= at && edit.end <= part.end);
    out.append(text.substr(at, edit.begin - at));
    if (edit.action == Action::insert) {
      append_insert(out, text, i);
    } else {
      out.append(edit.json);
    }
    at = edit.end;
  }
  out.append(text.substr(at, part.end - at));
}

std::string JsonSplice::apply(Bytes text) {
  std::string out;
  append_to(out, text);
  return out;
}

}  // namespace sluice
