#include "henb-x2sec/nem/program.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/file.h"
#include "common/log.h"
#include "common/status.h"

namespace henb::x2sec::nem {
namespace {

/// Back-offs end and revocations come due without an upload.
constexpr absl::Duration kLongestPause = absl::Seconds(5);

std::string LastBatchText(const BatchReport& report, absl::Time now) {
  return nlohmann::json{{"ended", absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", now, absl::UTCTimeZone())},
                        {"asked", report.asked},
                        {"issued", report.issued},
                        {"refused", report.refused},
                        {"later", report.later}}
      .dump();
}

}  // namespace

Program::Program(const Config& config, const common::Clock& clock, common::Random& random)
    : config_(config), clock_(clock), random_(random) {}

absl::StatusOr<std::unique_ptr<Program>> Program::Start(const Config& config, const common::Clock& clock,
                                                        common::Random& random) {
  std::unique_ptr<Program> program(new Program(config, clock, random));
  RETURN_IF_ERROR(program->Open());
  return program;
}

absl::Status Program::Open() {
  ASSIGN_OR_RETURN(files_, ReadFiles(config_));
  RETURN_IF_ERROR(common::MakeDirectories(std::filesystem::path(config_.store_path).parent_path(), 0700));
  const std::string lock_path = config_.store_path + ".lock";
  lock_.reset(open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_.valid()) return absl::UnavailableError(common::StrCat(lock_path, ": ", std::strerror(errno)));
  if (flock(lock_.get(), LOCK_EX | LOCK_NB) != 0)
    return absl::FailedPreconditionError(common::StrCat(config_.store_path, " is another nem-gateway's"));
  ASSIGN_OR_RETURN(server_store_, RequestStore::Open(config_.store_path));
  api_ = std::make_unique<NemApi>(NemApi::Parts{.store = *server_store_,
                                                .clock = clock_,
                                                .requests_per_hour = config_.requests_per_hour,
                                                .revoke_old_after = config_.revoke_old_after,
                                                .work_waits = [this] {
                                                  const std::lock_guard lock(mutex_);
                                                  work_ = true;
                                                  wake_.notify_all();
                                                }});
  api_->SetDevices(files_.devices);
  if (!config_.ra_url.empty()) {
    ASSIGN_OR_RETURN(batch_store_, RequestStore::Open(config_.store_path));
    const CmpRaClient::Settings settings{.url = config_.ra_url,
                                         .recipient = config_.ra_recipient,
                                         .operator_roots = files_.operator_roots,
                                         .chain = files_.ra_chain,
                                         .key = files_.ra_key,
                                         .message_timeout = config_.message_timeout,
                                         .total_timeout = config_.total_timeout,
                                         .wait = [this](absl::Duration delay) { return WaitAtRa(delay); }};
    RETURN_IF_ERROR_CTX(CmpRaClient::Create(settings, clock_, random_).status(), "ra.url and ra.recipient");
    batches_ = std::make_unique<BatchRunner>(
        BatchRunner::Parts{.store = *batch_store_,
                           .ra = [this, settings] { return CmpRaClient::Create(settings, clock_, random_); },
                           .clock = clock_,
                           .random = random_,
                           .batch_size = config_.batch_size,
                           .connections = config_.ra_connections,
                           .keep_finished = config_.keep_finished});
    batches_->SetDevices(files_.devices);
    RETURN_IF_ERROR(batches_->Recover());
  }
  ASSIGN_OR_RETURN(server_, HttpsServer::Listen({.address = config_.listen_address,
                                                 .port = config_.listen_port,
                                                 .chain = files_.server_chain,
                                                 .key = files_.server_key,
                                                 .device_roots = files_.vendor_roots,
                                                 .most_connections = config_.connections,
                                                 .longest_life = config_.connection_life},
                                                [this](const HttpCall& call) { return api_->Handle(call); }));
  if (batches_ != nullptr) batch_thread_ = std::thread([this] { RunBatches(); });
  return absl::OkStatus();
}

Program::~Program() {
  Stop();
  if (batch_thread_.joinable()) batch_thread_.join();
}

void Program::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (batches_ != nullptr) batches_->Stop();
  if (server_ != nullptr) server_->Stop();
}

absl::Status Program::Reload() {
  ASSIGN_OR_RETURN(files_.devices, ReadDeviceList(config_));
  api_->SetDevices(files_.devices);
  if (batches_ != nullptr) batches_->SetDevices(files_.devices);
  return absl::OkStatus();
}

bool Program::WaitForWork(absl::Duration most) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, absl::ToChronoNanoseconds(most), [this] { return stopping_ || work_; });
  if (work_ && !stopping_) {
    // Others that come now go with the same batch.
    wake_.wait_for(lock, absl::ToChronoNanoseconds(config_.batch_delay), [this] { return stopping_; });
  }
  work_ = false;
  return !stopping_;
}

bool Program::WaitAtRa(absl::Duration delay) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, absl::ToChronoNanoseconds(delay), [this] { return stopping_; });
}

void Program::RunBatches() {
  bool more = true;
  while (WaitForWork(more ? absl::ZeroDuration() : kLongestPause)) {
    const absl::StatusOr<BatchReport> report = batches_->RunOnce();
    more = report.ok() && report->asked == static_cast<int>(config_.batch_size);
    absl::Status status = report.status();
    if (report.ok() && report->asked > 0)
      status = batch_store_->Note("last_batch", LastBatchText(*report, clock_.Now()));
    if (!status.ok()) common::LogAlarm("nem.store_failed", {{"error", status}});
  }
}

}  // namespace henb::x2sec::nem
