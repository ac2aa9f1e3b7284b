// SPDX-License-Identifier: Apache-2.0
#include "gateway/rewritten_call.h"

#include <memory>
#include <utility>

namespace sluice {

RewrittenCall::RewrittenCall(Exchange& client, Service& service, MessageScanner& scanner,
                             ClientRequest request, Rewrite rewrite)
    : client_(client),
      service_(service),
      scanner_(scanner),
      rewrite_(std::move(rewrite)),
      asked_(std::move(request), client.session(), *this) {
  asked_.chosen = &service;
}

bool RewrittenCall::start(Exchange& client, Service& service, MessageScanner& scanner, Rewrite rewrite) {
  ClientRequest copy = without_message(client.request());
  if (!copy.message.take(scanner, PaddedString(client.request().message.text())).ok()) return false;
  std::unique_ptr<RewrittenCall> call(
      new RewrittenCall(client, service, scanner, std::move(copy), std::move(rewrite)));
  LeasedExchange& asked = call->asked_;
  client.attachment = std::move(call);
  service.open(asked);
  return true;
}

void RewrittenCall::on_finish(Bytes response) {
  ClientMessage message;
  if (!message.take(scanner_, PaddedString(response)).ok()) return client_.finish(response);
  const std::string text = rewrite_(message);  // the client's exchange takes this call with it
  client_.finish(text);
}

void RewrittenCall::on_refuse(const Refusal& refusal) {
  client_.refuse(refusal.http_status, refusal.code, refusal.message, refusal.data_json);
}

}  // namespace sluice
