// SPDX-License-Identifier: Apache-2.0
// A server written by somebody who has only the installed headers and library.

#include "sdk/server.h"

struct Pair {
  double a;
  double b;
};

int main(int argc, char** argv) {
  sluice::Server server("outside", "1.0.0");
  server.tool("add", "Adds two numbers", [](Pair pair) { return pair.a + pair.b; });
  return server.run(argc, argv);
}
