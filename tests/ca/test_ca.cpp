#include "tests/ca/test_ca.h"

#include <algorithm>

#include "common/status.h"
#include "tests/ca/transaction.h"

namespace henb::tests {
namespace {

constexpr absl::Duration kSweepEvery = absl::Milliseconds(100);
constexpr absl::Duration kForgetAfter = absl::Minutes(10);

TestCredential MakeRa(const TestCaConfig& config) {
  std::shared_ptr<EVP_PKEY> key = NewKey();
  const CertificateSpec spec{.subject = config.ra_name, .extended_usages = {"cmcRA"}};
  return {BuildCertificate(spec, key.get(), &config.ca_chain.front(), config.ca_key.get()).value(), key};
}

/// The CA's subject in the form that CertificateSpec takes.
std::string SubjectOf(const common::Certificate& certificate) {
  char* text = X509_NAME_oneline(X509_get_subject_name(certificate.get()), nullptr, 0);
  std::string out = text == nullptr ? "" : text;
  OPENSSL_free(text);
  return out;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TestCa>> TestCa::Create(TestCaConfig config) {
  ASSIGN_OR_RETURN(std::unique_ptr<Sin> sin, MakeSin(config.sin));
  if (config.ca_chain.empty()) return absl::InvalidArgumentError("no CA certificate");
  if (config.vendor_roots.empty()) return absl::InvalidArgumentError("no vendor root");
  if (X509_check_private_key(config.ca_chain.front().get(), config.ca_key.get()) != 1) {
    return absl::InvalidArgumentError("the CA's key is not that of its certificate");
  }
  if (ParseName(config.ra_name) == nullptr) {
    return absl::InvalidArgumentError(
        common::StrCat("RA name ", common::Quoted(config.ra_name), " is not /TYPE=value/…"));
  }
  return std::unique_ptr<TestCa>(new TestCa(std::move(config), std::move(sin)));
}

TestCa::TestCa(TestCaConfig config, std::unique_ptr<Sin> sin)
    : config_(std::move(config)),
      sin_(std::move(sin)),
      ledger_(config_.ledger_path),
      ra_(MakeRa(config_)),
      other_ca_(TestAuthority::Root(SubjectOf(config_.ca_chain.front()))),
      impostor_(other_ca_.Issue({.subject = config_.ra_name})),
      sweeper_([this] { SweepUnconfirmed(); }) {}

TestCa::~TestCa() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  sweeper_.join();
}

absl::StatusOr<common::Certificate> TestCa::Issue(const CertificateSpec& spec, EVP_PKEY* key, bool from_other) const {
  if (from_other) return BuildCertificate(spec, key, &other_ca_.certificate(), other_ca_.key());
  return BuildCertificate(spec, key, &config_.ca_chain.front(), config_.ca_key.get());
}

void TestCa::CredentialUsed(const std::string& reference, const std::string& serial) {
  const std::lock_guard lock(mutex_);
  used_credentials_[reference] = serial;
}

absl::Status TestCa::CheckCredentialUnused(const std::string& reference) {
  const std::lock_guard lock(mutex_);
  const auto used = used_credentials_.find(reference);
  if (used == used_credentials_.end()) return absl::OkStatus();
  const std::optional<LedgerEntry> brought = ledger_.Find(used->second);
  if (brought.has_value() && brought->state == CertificateState::kRevoked && brought->reason == kAskedByRr)
    return absl::OkStatus();
  return absl::PermissionDeniedError(common::StrCat("the credential of ", reference, " has been used"));
}

std::shared_ptr<Transaction> TestCa::TransactionFor(const std::string& id) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Transaction>& slot = transactions_[id];
  if (slot == nullptr) slot = std::make_shared<Transaction>(this, id);
  return slot;
}

absl::StatusOr<std::optional<std::string>> TestCa::Handle(const std::string& der) {
  ASSIGN_OR_RETURN(const x2sec::enrol::PkiMessageSummary summary, x2sec::enrol::ParsePkiMessage(der));
  if (summary.transaction_id.empty()) return absl::InvalidArgumentError("no transactionID");
  return TransactionFor(summary.transaction_id)->Handle(summary, der);
}

void TestCa::SweepUnconfirmed() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    changed_.wait_for(lock, absl::ToChronoMilliseconds(kSweepEvery));
    std::vector<std::shared_ptr<Transaction>> all;
    std::erase_if(transactions_, [](const auto& each) { return absl::Now() - each.second->started() > kForgetAfter; });
    for (const auto& [id, transaction] : transactions_) all.push_back(transaction);
    lock.unlock();
    for (const auto& transaction : all) {
      if (transaction->confirm_deadline() <= absl::Now()) transaction->GiveUp();
    }
    all.clear();
    lock.lock();
  }
}

}  // namespace henb::tests
