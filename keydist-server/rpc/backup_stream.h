// The Backup call: one text, sent in pieces.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <string>

#include "absl/status/statusor.h"
#include "henb/keydist/v1/admin.pb.h"
#include "keydist-server/service/key_service.h"

namespace henb::keydist::rpc {

/// Reads the store. Each record is one that stood there while the call ran; epochs and the audit head are read last, so
/// that the marks are above all that the records had. Errors of the store.
[[nodiscard]] absl::StatusOr<std::string> MakeBackup(service::KeyService& service);

/// Owns itself: gRPC's OnDone deletes it.
class BackupStream final : public grpc::ServerWriteReactor<v1::BackupPiece> {
 public:
  /// Sends the text, or the error.
  explicit BackupStream(absl::StatusOr<std::string> text);
  void OnWriteDone(bool ok) override;
  void OnDone() override { delete this; }

 private:
  static constexpr std::size_t kPiece = 256 << 10;
  void Next();
  std::string text_;
  std::size_t sent_ = 0;
  v1::BackupPiece piece_;
};

}  // namespace henb::keydist::rpc
