// SPDX-License-Identifier: Apache-2.0
// A travel desk: a typed contract, a question to the person that works in both eras, progress, a template, a
// prompt.
#include "sdk/server.h"

struct Trip {  // a plain aggregate is the input schema
  std::string city;
  int nights;
  std::optional<std::string> hotel;  // optional<> means "not required"
  static constexpr auto doc = sluice::describe(sluice::field(&Trip::city, "Where to"),
                                               sluice::field(&Trip::nights, "How long").between(1, 30));
};

struct Booking {  // output schema and structuredContent
  std::string id;
  double price;
};

struct Approval {  // the form the user is shown
  bool approve;
};

constexpr sluice::Tool<Trip, Booking> book{"book", "Book a hotel room"};  // one contract, both sides

sluice::Task<double> quote(std::string city, int night) {
  co_return 80.0 + static_cast<double>(city.size()) + night % 7;
}

sluice::Result<Booking> find_booking(std::string id) {
  if (id != "B-17") return sluice::Error(sluice::Errc::not_found, "there is no booking " + id);
  return Booking{id, 420};
}

int main(int argc, char** argv) {
  sluice::Server server("travel-desk", "1.0.0");
  server.tool(book, [](Trip trip, sluice::Context& ctx) -> sluice::Task<sluice::Result<Booking>> {
    auto answer = co_await ctx.ask<Approval>("approve", "Book " + trip.city + "?");
    if (!answer || !answer->approve) co_return sluice::error("the user declined");
    double price = 0;
    for (int night = 1; night <= trip.nights; ++night) {
      price += co_await quote(trip.city, night);    // a cancelled request ends here, RAII cleans up
      ctx.progress(night, trip.nights, "pricing");  // silent unless the caller asked for progress
    }
    co_return Booking{"B-17", price};
  });
  server.resource("booking://{id}", "One booking", [](std::string id) { return find_booking(id); });
  server.prompt("plan", "Plan a trip", [](Trip trip) { return sluice::user("Plan a trip to " + trip.city); });
  return server.run(argc, argv);
}
