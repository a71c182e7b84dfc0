// The file of PSKs that pluto's secrets file includes.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "henb-x2sec/core/ports/secret_store.h"

namespace henb::x2sec::pluto {

struct SecretFileOptions {
  std::string path;            ///< Absolute; pluto's secrets file says `include <path>`. Its folder exists.
  bool require_memory = true;  ///< Refuse a folder that is not on tmpfs (R48). Off in tests only.
};

/// One line `@local @peer : PSK 0x…` a pair, mode 0600, replaced as a whole (a file beside it, renamed over it). In
/// memory it holds the names of the pairs only: a change reads the file, alters it and writes it, all in SecretBytes,
/// wiped at once. So a restart of ours finds every pair where it was, and nothing is read back but names.
class SecretFile final : public core::SecretStore {
 public:
  /// Takes over the file that is there, or makes an empty one. FailedPrecondition: the folder is not in memory, or the
  /// file is not a plain one of our own user with mode 0600 (what others may have read is no secret). InvalidArgument:
  /// it holds something else than our lines; the line is named by its number, never quoted.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<SecretFile>> Open(SecretFileOptions options);

  /// InvalidArgument: a key of less than 16 or more than 64 octets, an empty identity, or the same one twice.
  [[nodiscard]] absl::Status Put(const common::HenbId& local, const common::HenbId& peer,
                                 const common::SecretBytes& key) override;
  [[nodiscard]] absl::Status Remove(const common::HenbId& local, const common::HenbId& peer) override;
  [[nodiscard]] bool Has(const common::HenbId& local, const common::HenbId& peer) const override;
  [[nodiscard]] std::vector<core::SecretPair> Pairs() const override { return pairs_; }

 private:
  explicit SecretFile(SecretFileOptions options) : options_(std::move(options)) {}
  /// Rewrites the file with the pair's line replaced by `line`, or without it where that is empty.
  [[nodiscard]] absl::Status Replace(const core::SecretPair& pair, const common::SecretBytes& line);
  [[nodiscard]] absl::StatusOr<common::SecretBytes> Read() const;

  SecretFileOptions options_;
  std::vector<core::SecretPair> pairs_;  ///< In the order of the file.
};

}  // namespace henb::x2sec::pluto
