// SPDX-License-Identifier: Apache-2.0
// A client written by somebody who has only the installed headers and library: client COMMAND…

#include <cstdio>

#include "sdk/client.h"

struct Pair {
  double a;
  double b;
};
constexpr sluice::Tool<Pair, double> add{"add", "Adds two numbers"};

int main(int argc, char** argv) {
  auto client = sluice::Client::command(std::vector<std::string>(argv + 1, argv + argc));
  const Pair pair{2, 40};
  const auto sum = client.call(add, pair).wait();
  if (!sum) return std::fprintf(stderr, "%s\n", sum.error().message.c_str()), 1;
  std::printf("%g\n", *sum);
  return 0;
}
