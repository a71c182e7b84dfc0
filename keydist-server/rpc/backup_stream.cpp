#include "keydist-server/rpc/backup_stream.h"

#include "common/rpc/grpc_status.h"
#include "common/status.h"
#include "keydist-server/domain/backup.h"

namespace henb::keydist::rpc {

absl::StatusOr<std::string> MakeBackup(service::KeyService& service) {
  domain::Backup backup;
  backup.made = service.clock().Now();
  store::Store& store = service.store();
  RETURN_IF_ERROR_CTX(store
                          .ReadAll([&](domain::HenbRecord record) { backup.henbs.push_back(std::move(record)); },
                                   [&](const store::PairException& exception) {
                                     backup.pairs.emplace_back(exception.pair, exception.rule);
                                   })
                          .status(),
                      "HeNBs and pairs");
  ASSIGN_OR_RETURN_CTX(const std::vector<store::StoredEpoch> epochs, store.Epochs(), "epochs");
  if (!epochs.empty()) backup.highest_epoch = epochs.back().number;
  backup.audit = service.audit().head();
  return domain::WriteBackup(backup);
}

BackupStream::BackupStream(absl::StatusOr<std::string> text) {
  if (!text.ok()) {
    Finish(common::ToGrpc(text.status()));
    return;
  }
  text_ = *std::move(text);
  Next();
}

void BackupStream::Next() {
  if (sent_ == text_.size()) return Finish(grpc::Status::OK);
  piece_.set_octets(text_.substr(sent_, kPiece));
  sent_ += piece_.octets().size();
  StartWrite(&piece_);
}

void BackupStream::OnWriteDone(bool ok) { ok ? Next() : Finish(grpc::Status::CANCELLED); }

}  // namespace henb::keydist::rpc
