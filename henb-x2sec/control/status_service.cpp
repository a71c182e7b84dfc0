#include "henb-x2sec/control/status_service.h"

#include <algorithm>
#include <chrono>

#include "common/rpc/grpc_status.h"
#include "common/status.h"
#include "henb-x2sec/control/link_states.h"
#include "henb-x2sec/control/wire.h"

namespace henb::x2sec::control {

namespace v1 = henb::control::v1;
using common::ToGrpc;

namespace {

using SteadyClock = std::chrono::steady_clock;
// Backends that do not notify are seen within this; a caller that went away frees its thread within it.
constexpr absl::Duration kLookAgain = absl::Seconds(1);
constexpr absl::Duration kBetweenUpdates = absl::Milliseconds(200);

/// Counts one waiter while it lives.
class WaiterSlot {
 public:
  explicit WaiterSlot(std::atomic<int>& waiters) : waiters_(waiters), granted_(waiters.fetch_add(1) < kMostWaiters) {}
  ~WaiterSlot() { --waiters_; }
  WaiterSlot(const WaiterSlot&) = delete;
  WaiterSlot& operator=(const WaiterSlot&) = delete;
  [[nodiscard]] bool granted() const { return granted_; }

 private:
  std::atomic<int>& waiters_;
  bool granted_;
};

grpc::Status TooManyWaiters() {
  return {grpc::StatusCode::RESOURCE_EXHAUSTED,
          common::StrCat("more than ", kMostWaiters, " waits and watches at once")};
}

grpc::Status Ending() { return {grpc::StatusCode::UNAVAILABLE, "x2secd is ending"}; }

void Fill(const std::vector<LinkView>& links, v1::ListLinksResponse* response) {
  for (const LinkView& link : links) ToWire(link, response->add_links());
}

absl::Duration Until(SteadyClock::time_point deadline) { return absl::FromChrono(deadline - SteadyClock::now()); }

}  // namespace

grpc::Status StatusService::ListLinks(grpc::ServerContext*, const v1::ListLinksRequest*,
                                      v1::ListLinksResponse* response) {
  const absl::StatusOr<std::vector<LinkView>> links = backend_.Links();
  if (!links.ok()) return ToGrpc(links.status());
  Fill(*links, response);
  return grpc::Status::OK;
}

grpc::Status StatusService::WatchLinks(grpc::ServerContext* context, const v1::WatchLinksRequest*,
                                       grpc::ServerWriter<v1::ListLinksResponse>* writer) {
  const WaiterSlot slot(waiters_);
  if (!slot.granted()) return TooManyWaiters();
  const auto deadline = SteadyClock::now() + absl::ToChronoNanoseconds(longest_wait_);
  std::optional<std::vector<LinkView>> sent;
  while (!changes_.stopped() && !context->IsCancelled() && SteadyClock::now() < deadline) {
    const std::uint64_t seen = changes_.revision();
    absl::StatusOr<std::vector<LinkView>> links = backend_.Links();
    if (!links.ok()) return ToGrpc(links.status());
    if (!sent || *sent != *links) {
      v1::ListLinksResponse response;
      Fill(*links, &response);
      if (!writer->Write(response)) return grpc::Status::OK;
      sent = *std::move(links);
      changes_.Rest(kBetweenUpdates);
    }
    changes_.WaitPast(seen, kLookAgain);
  }
  return changes_.stopped() ? Ending() : grpc::Status::OK;
}

grpc::Status StatusService::WaitForLink(grpc::ServerContext* context, const v1::WaitForLinkRequest* request,
                                        v1::Link* response) {
  const absl::StatusOr<common::HenbId> neighbour = common::HenbId::Parse(request->neighbour());
  if (!neighbour.ok()) return ToGrpc(common::WithContext(neighbour.status(), "neighbour"));
  if (!IsWaitableState(request->state())) {
    return {grpc::StatusCode::INVALID_ARGUMENT,
            common::StrCat("state: ", common::Quoted(request->state()), " is not a state of a link")};
  }
  const absl::Duration timeout = FromWire(request->timeout());
  if (timeout < absl::ZeroDuration()) return {grpc::StatusCode::INVALID_ARGUMENT, "timeout: is negative"};
  const WaiterSlot slot(waiters_);
  if (!slot.granted()) return TooManyWaiters();

  const auto deadline = SteadyClock::now() + absl::ToChronoNanoseconds(std::min(timeout, longest_wait_));
  while (true) {
    const std::uint64_t seen = changes_.revision();
    const absl::StatusOr<std::vector<LinkView>> links = backend_.Links();
    if (!links.ok()) return ToGrpc(links.status());
    const auto link = std::find_if(links->begin(), links->end(),
                                   [&](const LinkView& view) { return view.neighbour == neighbour->str(); });
    if (link == links->end()) {
      return {grpc::StatusCode::NOT_FOUND, common::StrCat("no neighbour ", neighbour->str())};
    }
    if (StateMatches(link->state, request->state())) {
      ToWire(*link, response);
      return grpc::Status::OK;
    }
    const absl::Duration left = Until(deadline);
    if (left <= absl::ZeroDuration()) {
      return {grpc::StatusCode::DEADLINE_EXCEEDED,
              common::StrCat(neighbour->str(), " is ", link->state, ", not ", request->state(), ": ",
                             link->last_error.value_or(link->reason))};
    }
    changes_.WaitPast(seen, std::min(left, kLookAgain));
    if (changes_.stopped()) return Ending();
    if (context->IsCancelled()) return {grpc::StatusCode::CANCELLED, "the caller went away"};
  }
}

grpc::Status StatusService::Explain(grpc::ServerContext*, const v1::ExplainRequest* request,
                                    v1::ExplainResponse* response) {
  const absl::StatusOr<common::HenbId> neighbour = common::HenbId::Parse(request->neighbour());
  if (!neighbour.ok()) return ToGrpc(common::WithContext(neighbour.status(), "neighbour"));
  absl::StatusOr<std::string> json = backend_.Explain(*neighbour);
  if (!json.ok()) return ToGrpc(json.status());
  response->set_json(*std::move(json));
  return grpc::Status::OK;
}

grpc::Status StatusService::ListNeighbours(grpc::ServerContext*, const v1::ListNeighboursRequest*,
                                           v1::ListNeighboursResponse* response) {
  const absl::StatusOr<std::vector<std::string>> records = backend_.Neighbours();
  if (!records.ok()) return ToGrpc(records.status());
  for (const std::string& record : *records) response->add_records_json(record);
  return grpc::Status::OK;
}

grpc::Status StatusService::ShowPolicy(grpc::ServerContext*, const v1::ShowPolicyRequest*,
                                       v1::PolicyInForce* response) {
  const absl::StatusOr<PolicyView> policy = backend_.Policy();
  if (!policy.ok()) return ToGrpc(policy.status());
  ToWire(*policy, response);
  return grpc::Status::OK;
}

grpc::Status StatusService::PolicyHistory(grpc::ServerContext*, const v1::PolicyHistoryRequest*,
                                          v1::PolicyHistoryResponse* response) {
  const absl::StatusOr<std::vector<PolicyHistoryEntry>> entries = backend_.PolicyHistory();
  if (!entries.ok()) return ToGrpc(entries.status());
  for (const PolicyHistoryEntry& entry : *entries) ToWire(entry, response->add_entries());
  return grpc::Status::OK;
}

grpc::Status StatusService::ListCredentials(grpc::ServerContext*, const v1::ListCredentialsRequest*,
                                            v1::ListCredentialsResponse* response) {
  const absl::StatusOr<std::vector<CredentialView>> credentials = backend_.Credentials();
  if (!credentials.ok()) return ToGrpc(credentials.status());
  for (const CredentialView& credential : *credentials) ToWire(credential, response->add_credentials());
  return grpc::Status::OK;
}

grpc::Status StatusService::EnrolmentStatus(grpc::ServerContext*, const v1::EnrolmentStatusRequest*,
                                            v1::Enrolment* response) {
  const absl::StatusOr<EnrolmentView> enrolment = backend_.Enrolment();
  if (!enrolment.ok()) return ToGrpc(enrolment.status());
  ToWire(*enrolment, response);
  return grpc::Status::OK;
}

grpc::Status StatusService::Doctor(grpc::ServerContext*, const v1::DoctorRequest*, v1::DoctorResponse* response) {
  const absl::StatusOr<std::vector<DoctorFinding>> findings = backend_.Doctor();
  if (!findings.ok()) return ToGrpc(findings.status());
  for (const DoctorFinding& finding : *findings) ToWire(finding, response->add_findings());
  return grpc::Status::OK;
}

grpc::Status StatusService::Metrics(grpc::ServerContext*, const v1::MetricsRequest*, v1::MetricsResponse* response) {
  absl::StatusOr<std::string> text = backend_.Metrics();
  if (!text.ok()) return ToGrpc(text.status());
  response->set_text(*std::move(text));
  return grpc::Status::OK;
}

}  // namespace henb::x2sec::control
