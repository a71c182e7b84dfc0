#include "keydist-server/rpc/admin_rpc.h"

#include <algorithm>
#include <thread>

#include "common/rpc/grpc_status.h"
#include "common/status.h"
#include "henb/keydist/v1/admin.grpc.pb.h"
#include "keydist-server/rpc/backup_stream.h"

namespace henb::keydist::rpc {
namespace {

using Context = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

constexpr std::size_t kPage = 200;
constexpr std::size_t kMostOnPage = 1000;

constexpr int kMostImported = 1000;

std::size_t PageSize(std::uint32_t asked) { return asked == 0 ? kPage : std::min<std::size_t>(asked, kMostOnPage); }

void ToWire(absl::Time time, google::protobuf::Timestamp* out) {
  out->set_seconds(absl::ToUnixSeconds(time));
  out->set_nanos(static_cast<int>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(out->seconds()))));
}

void ToWire(const domain::HenbRecord& record, v1::Henb* out) {
  out->set_id(record.id.str());
  for (const common::SpkiHash& anchor : record.anchors) out->add_anchor_spki_sha256(anchor.ToHex());
  out->set_state(record.state == domain::HenbState::kActive ? v1::HENB_ACTIVE : v1::HENB_SUSPENDED);
  out->set_generation(record.generation);
  for (const std::string& group : record.groups) out->add_groups(group);
}

void ToWire(const service::Directory::Entry& entry, v1::Henb* out) {
  ToWire(entry.record, out);
  if (!entry.registration) return;
  v1::Registration* registration = out->mutable_registration();
  for (const std::string& address : entry.registration->x2_addresses) registration->add_x2_addresses(address);
  registration->set_cmpv2(entry.registration->cmpv2);
  registration->set_boot_id(entry.registration->boot_id);
  ToWire(entry.registration->lease_ends, registration->mutable_lease_ends());
}

void ToWire(const store::PairException& exception, v1::Pair* out) {
  out->set_lower(exception.pair.lower().str());
  out->set_higher(exception.pair.higher().str());
  switch (exception.rule) {
    case domain::PairRule::kAllow:
      out->set_rule(v1::ALLOW);
      break;
    case domain::PairRule::kDeny:
      out->set_rule(v1::DENY);
      break;
    case domain::PairRule::kNone:
      out->set_rule(v1::CLEAR);
      break;
  }
}

void ToWire(const service::OperatorDesk::Keks& keks, v1::ShowKeksResponse* out) {
  for (const auto& kek : keks.at_hand.keks()) {
    v1::Kek* one = out->add_keks();
    one->set_id(common::ToHex(kek->id()));
    one->set_place(kek->place());
    one->set_in_force(kek->id() == keks.in_force.id);
    one->set_wanted(kek->id() == keks.at_hand.id());
  }
  out->set_in_force(common::ToHex(keks.in_force.id));
  ToWire(keks.in_force.since, out->mutable_since());
  out->set_roots(keks.roots);
  for (const domain::ReplicaMark& other : keks.others) {
    v1::ReplicaKeks* one = out->add_others();
    one->set_replica(other.name);
    for (const std::string& id : other.keks) one->add_ids(common::ToHex(id));
  }
}

absl::StatusOr<domain::HenbRecord> FromWire(const v1::AddHenbRequest& request) {
  domain::HenbRecord record;
  ASSIGN_OR_RETURN_CTX(record.id, common::HenbId::Parse(request.id()), "id");
  for (const std::string& text : request.anchor_spki_sha256()) {
    ASSIGN_OR_RETURN_CTX(common::SpkiHash anchor, common::Sha256Digest::ParseHex(text), "anchor");
    record.anchors.push_back(anchor);
  }
  record.groups.assign(request.groups().begin(), request.groups().end());
  return record;
}

absl::StatusOr<domain::PairRule> FromWire(v1::PairRule rule) {
  switch (rule) {
    case v1::ALLOW:
      return domain::PairRule::kAllow;
    case v1::DENY:
      return domain::PairRule::kDeny;
    case v1::CLEAR:
      return domain::PairRule::kNone;
    default:
      return absl::InvalidArgumentError("rule: neither ALLOW, DENY nor CLEAR");
  }
}

class AdminRpc final : public v1::Admin::CallbackService {
 public:
  AdminRpc(service::KeyService& service, const ProgramFacts& facts, AdminAccess access)
      : service_(service), desk_(service), facts_(facts), access_(access) {}

  Reactor* AddHenb(Context* context, const v1::AddHenbRequest* request, v1::Henb* response) override {
    return Change(context, [&]() -> absl::Status {
      ASSIGN_OR_RETURN(domain::HenbRecord record, FromWire(*request));
      ASSIGN_OR_RETURN(record, desk_.Add(std::move(record)));
      ToWire(record, response);
      return absl::OkStatus();
    });
  }
  Reactor* ImportHenbs(Context* context, const v1::ImportHenbsRequest* request,
                       v1::ImportHenbsResponse* response) override {
    return Change(context, [&]() -> absl::Status {
      if (request->henbs_size() > kMostImported) {
        return absl::InvalidArgumentError(common::StrCat("henbs: more than ", kMostImported));
      }
      std::vector<domain::HenbRecord> records;
      for (int i = 0; i < request->henbs_size(); ++i) {
        ASSIGN_OR_RETURN_CTX(domain::HenbRecord record, FromWire(request->henbs(i)), common::StrCat("henbs[", i, "]"));
        records.push_back(std::move(record));
      }
      ASSIGN_OR_RETURN(const auto results, desk_.Import(std::move(records), request->dry_run()));
      for (const absl::StatusOr<service::OperatorDesk::Imported>& result : results) {
        v1::ImportResult* out = response->add_results();
        out->set_error(std::string(result.status().message()));
        out->set_outcome(!result.ok()                                         ? v1::IMPORT_REFUSED
                         : *result == service::OperatorDesk::Imported::kAdded ? v1::IMPORT_ADDED
                                                                              : v1::IMPORT_UNCHANGED);
      }
      return absl::OkStatus();
    });
  }
  Reactor* SuspendHenb(Context* context, const v1::HenbName* request, v1::Henb* response) override {
    return ChangeHenb(context, request->id(), response, [&](const auto& id) { return desk_.Suspend(id); });
  }
  Reactor* ResumeHenb(Context* context, const v1::HenbName* request, v1::Henb* response) override {
    return ChangeHenb(context, request->id(), response, [&](const auto& id) { return desk_.Resume(id); });
  }
  Reactor* RemoveHenb(Context* context, const v1::HenbName* request, v1::Henb* response) override {
    return ChangeHenb(context, request->id(), response, [&](const auto& id) { return desk_.Remove(id); });
  }
  Reactor* RotateHenb(Context* context, const v1::HenbName* request, v1::Henb* response) override {
    return ChangeHenb(context, request->id(), response, [&](const auto& id) { return desk_.Rotate(id); });
  }
  Reactor* AddToGroup(Context* context, const v1::GroupMembership* request, v1::Henb* response) override {
    return ChangeHenb(context, request->henb(), response,
                      [&](const auto& id) { return desk_.AddToGroup(id, request->group()); });
  }
  Reactor* RemoveFromGroup(Context* context, const v1::GroupMembership* request, v1::Henb* response) override {
    return ChangeHenb(context, request->henb(), response,
                      [&](const auto& id) { return desk_.RemoveFromGroup(id, request->group()); });
  }
  Reactor* SetPair(Context* context, const v1::SetPairRequest* request, v1::Pair* response) override {
    return Change(context, [&]() -> absl::Status {
      ASSIGN_OR_RETURN_CTX(common::HenbId one, common::HenbId::Parse(request->one()), "one");
      ASSIGN_OR_RETURN_CTX(common::HenbId other, common::HenbId::Parse(request->other()), "other");
      ASSIGN_OR_RETURN(const domain::PairId pair, domain::PairId::Of(std::move(one), std::move(other)));
      ASSIGN_OR_RETURN(const domain::PairRule rule, FromWire(request->rule()));
      RETURN_IF_ERROR(desk_.SetPairRule(pair, rule));
      ToWire({pair, rule}, response);
      return absl::OkStatus();
    });
  }
  Reactor* AdvanceEpoch(Context* context, const v1::AdvanceEpochRequest* request,
                        v1::ShowEpochsResponse* response) override {
    return Change(context, [&]() -> absl::Status {
      if (request->activate_in_s() > 366ULL * 86400)
        return absl::InvalidArgumentError("activate_in_s: more than a year");
      RETURN_IF_ERROR(desk_.AdvanceEpoch(absl::Seconds(request->activate_in_s())));
      return ListEpochs(response);
    });
  }

  Reactor* ListHenbs(Context* context, const v1::ListHenbsRequest* request, v1::ListHenbsResponse* response) override {
    const std::size_t most = PageSize(request->page_size());
    const auto page = service_.directory().Page(request->after(), request->group(), most);
    for (const service::Directory::Entry& entry : page) ToWire(entry, response->add_henbs());
    if (page.size() == most) response->set_next_after(page.back().record.id.str());
    return Answer(context, absl::OkStatus());
  }
  Reactor* ShowHenb(Context* context, const v1::HenbName* request, v1::Henb* response) override {
    const absl::StatusOr<common::HenbId> id = common::HenbId::Parse(request->id());
    if (!id.ok()) return Answer(context, id.status());
    const auto entry = service_.directory().Find(*id);
    if (!entry) return Answer(context, absl::NotFoundError(common::StrCat("no HeNB ", id->str())));
    ToWire(*entry, response);
    return Answer(context, absl::OkStatus());
  }
  Reactor* ListPairs(Context* context, const v1::ListPairsRequest* request, v1::ListPairsResponse* response) override {
    const std::size_t most = PageSize(request->page_size());
    const auto page = service_.directory().PairPage(request->after(), most);
    for (const store::PairException& exception : page) ToWire(exception, response->add_pairs());
    if (page.size() == most) {
      response->set_next_after(common::StrCat(page.back().pair.lower().str(), " ", page.back().pair.higher().str()));
    }
    return Answer(context, absl::OkStatus());
  }
  Reactor* ShowEpochs(Context* context, const v1::ShowEpochsRequest*, v1::ShowEpochsResponse* response) override {
    return Answer(context, ListEpochs(response));
  }
  Reactor* ShowKeks(Context* context, const v1::ShowKeksRequest*, v1::ShowKeksResponse* response) override {
    const absl::StatusOr<service::OperatorDesk::Keks> keks = desk_.ShowKeks();
    if (keks.ok()) ToWire(*keks, response);
    return Answer(context, keks.status());
  }
  Reactor* RotateKek(Context* context, const v1::RotateKekRequest*, v1::RotateKekResponse* response) override {
    return Change(context, [&]() -> absl::Status {
      ASSIGN_OR_RETURN(const service::EpochKeeper::Rotated rotated, desk_.RotateKek());
      response->set_from(common::ToHex(rotated.from));
      response->set_to(common::ToHex(rotated.to));
      response->set_roots(rotated.roots);
      return absl::OkStatus();
    });
  }
  Reactor* ShowAudit(Context* context, const v1::ShowAuditRequest* request, v1::ShowAuditResponse* response) override {
    const std::size_t last = request->last() == 0 ? 20 : std::min<std::size_t>(request->last(), kMostOnPage);
    const absl::StatusOr<std::vector<std::string>> records = service_.audit().Last(last);
    if (!records.ok()) return Answer(context, records.status());
    for (const std::string& record : *records) response->add_records(record);
    return Answer(context, absl::OkStatus());
  }
  grpc::ServerWriteReactor<v1::BackupPiece>* Backup(Context*, const v1::BackupRequest*) override {
    return new BackupStream(access_ == AdminAccess::kEverything ? MakeBackup(service_) : OnlyReading());
  }
  Reactor* Migrate(Context* context, const v1::MigrateRequest*, v1::MigrateResponse* response) override {
    if (access_ != AdminAccess::kEverything || !facts_.move_store) return Answer(context, OnlyReading());
    Reactor* const reactor = context->DefaultReactor();
    // Minutes: gRPC's threads are for those who ask for keys. The server does not end before the reactor has finished.
    std::thread([this, reactor, response] {
      const absl::StatusOr<store::Moved> moved = facts_.move_store();
      if (moved.ok()) {
        response->set_henbs(moved->henbs);
        response->set_pairs(moved->pairs);
        response->set_epochs(moved->epochs);
        response->set_revision(moved->revision);
      }
      reactor->Finish(common::ToGrpc(moved.status()));
    }).detach();
    return reactor;
  }
  Reactor* GetStatus(Context* context, const v1::GetStatusRequest*, v1::ServerStatus* response) override {
    const service::Directory::Counts counts = service_.directory().counts();
    response->set_version(facts_.version);
    response->set_listen(facts_.listen);
    response->set_placement(facts_.placement);
    response->set_revision(service_.directory().revision());
    response->set_henbs(counts.henbs);
    response->set_pairs(counts.pairs);
    response->set_leases(counts.leases);
    response->set_watchers(service_.events().watchers());
    const auto active = service_.epochs().active();
    const auto pick = active->At(service_.clock().Now());
    response->set_epoch(pick.current == nullptr ? 0 : pick.current->span.number);
    response->set_audit_records(service_.audit().head().sequence);
    ToWire(facts_.started, response->mutable_started());
    response->set_keys_issued(service_.keys_issued());
    response->set_denials(service_.denials());
    if (facts_.over_quota) response->set_over_quota(facts_.over_quota());
    for (const SubsystemHealth& health : HealthOf(service_, facts_)) {
      v1::SubsystemHealth* out = response->add_health();
      out->set_name(health.name);
      out->set_ok(health.ok);
      out->set_detail(health.detail);
    }
    return Answer(context, absl::OkStatus());
  }

 private:
  static Reactor* Answer(Context* context, const absl::Status& status) {
    Reactor* reactor = context->DefaultReactor();
    reactor->Finish(common::ToGrpc(status));
    return reactor;
  }
  static absl::Status OnlyReading() {
    return absl::PermissionDeniedError("this socket is for reading; changes and backups go through admin.sock");
  }
  template <typename F>
  Reactor* Change(Context* context, const F& change) {
    if (access_ != AdminAccess::kEverything) {
      return Answer(context, OnlyReading());
    }
    return Answer(context, change());
  }
  template <typename F>
  Reactor* ChangeHenb(Context* context, const std::string& name, v1::Henb* response, const F& change) {
    return Change(context, [&]() -> absl::Status {
      ASSIGN_OR_RETURN(const common::HenbId id, common::HenbId::Parse(name));
      ASSIGN_OR_RETURN(const domain::HenbRecord record, change(id));
      ToWire(record, response);
      return absl::OkStatus();
    });
  }
  absl::Status ListEpochs(v1::ShowEpochsResponse* response) {
    ASSIGN_OR_RETURN(const auto listed, service_.epochs().List(service_.clock().Now()));
    for (const service::EpochKeeper::Listed& epoch : listed) {
      v1::Epoch* out = response->add_epochs();
      out->set_number(epoch.span.number);
      ToWire(epoch.span.activates, out->mutable_activates());
      ToWire(epoch.span.ends, out->mutable_ends());
      ToWire(epoch.span.expires, out->mutable_expires());
      out->set_state(std::string(epoch.state));
    }
    return absl::OkStatus();
  }

  service::KeyService& service_;
  service::OperatorDesk desk_;
  const ProgramFacts& facts_;
  AdminAccess access_;
};

}  // namespace

std::vector<SubsystemHealth> HealthOf(service::KeyService& service, const ProgramFacts& facts) {
  std::vector<SubsystemHealth> all;
  const auto add = [&](std::string name, const absl::Status& status) {
    all.push_back({.name = std::move(name), .ok = status.ok(), .detail = std::string(status.message())});
  };
  add("store", service.store_health());
  add("clock", service.clocks().health());
  add("epochs", service.epochs().health());
  add("audit", service.audit().health());
  if (!facts.more_health) return all;
  for (SubsystemHealth& health : facts.more_health()) all.push_back(std::move(health));
  return all;
}

std::unique_ptr<grpc::Service> MakeAdminRpc(service::KeyService& service, const ProgramFacts& facts,
                                            AdminAccess access) {
  return std::make_unique<AdminRpc>(service, facts, access);
}

}  // namespace henb::keydist::rpc
