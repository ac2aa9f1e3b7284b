// SPDX-License-Identifier: Apache-2.0
#include "net/child_environment.h"

#include <algorithm>
#include <iterator>

namespace sluice {

namespace {

// The minder is started with the same environment: hence what loaders and sanitizers of ours read.
constexpr Bytes common_names[] = {"PATH",
                                  "HOME",
                                  "USER",
                                  "LOGNAME",
                                  "SHELL",
                                  "LANG",
                                  "LANGUAGE",
                                  "TZ",
                                  "TERM",
                                  "TMPDIR",
                                  "TMP",
                                  "TEMP",
                                  "HTTP_PROXY",
                                  "HTTPS_PROXY",
                                  "ALL_PROXY",
                                  "NO_PROXY",
                                  "http_proxy",
                                  "https_proxy",
                                  "all_proxy",
                                  "no_proxy",
                                  "SSL_CERT_FILE",
                                  "SSL_CERT_DIR",
                                  "CURL_CA_BUNDLE",
                                  "REQUESTS_CA_BUNDLE",
                                  "NODE_EXTRA_CA_CERTS",
                                  "LD_LIBRARY_PATH",
                                  "ASAN_OPTIONS",
                                  "LSAN_OPTIONS",
                                  "TSAN_OPTIONS",
                                  "UBSAN_OPTIONS"};

// Settings of packagers, some of which are keys to registries.
constexpr Bytes common_prefixes[] = {"LC_", "XDG_", "NPM_CONFIG_", "npm_config_", "UV_"};
constexpr Bytes words_of_secrets[] = {"TOKEN", "PASSWORD", "SECRET", "AUTH"};

bool sounds_secret(Bytes name) {
  std::string upper(name);
  for (char& c : upper)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return std::any_of(std::begin(words_of_secrets), std::end(words_of_secrets),
                     [&upper](Bytes word) { return upper.find(word) != std::string::npos; });
}

bool is_prefix(const std::string& pattern) { return !pattern.empty() && pattern.back() == '*'; }

}  // namespace

bool EnvironmentRule::passes(Bytes name) const {
  const auto is_name = [name](const std::string& pattern) { return pattern == name; };
  if (std::any_of(also.begin(), also.end(), is_name)) return true;
  if (std::find(std::begin(common_names), std::end(common_names), name) != std::end(common_names))
    return true;
  if (withheld.contains(std::string(name))) return false;
  const auto begins = [name](const std::string& pattern) {
    return is_prefix(pattern) && name.starts_with(Bytes(pattern).substr(0, pattern.size() - 1));
  };
  if (everything || std::any_of(also.begin(), also.end(), begins)) return true;
  return !sounds_secret(name) && std::any_of(std::begin(common_prefixes), std::end(common_prefixes),
                                             [name](Bytes prefix) { return name.starts_with(prefix); });
}

void EnvironmentRule::withhold(const std::string& name) {
  if (!passes(name)) return;
  withheld.insert(name);
  if (passes(name)) withheld.erase(name);  // it is said exactly
}

bool is_environment_pattern(Bytes text) {
  if (!text.empty() && text.back() == '*') text.remove_suffix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != 127 && c != '=' && c != '*';
  });
}

}  // namespace sluice
