// Whether the device's keys are still where they were.
#pragma once

#include <array>
#include <functional>
#include <set>
#include <string>

#include "common/event_loop.h"
#include "common/worker.h"
#include "henb-x2sec/app/credentials/credentials.h"
#include "henb-x2sec/core/ports/certificate_store.h"

namespace henb::x2sec::app {

/// Looks again and again whether the NSS database has been written, and then whether the keys in use are in it; into a
/// token it looks each time. One that somebody has taken away is no credential any more: links that used it go down
/// (R58). It is not put back before pluto or x2secd starts again; but a token may come back by itself. Loop thread.
class KeyWatch {
 public:
  struct Parts {
    common::EventLoop& loop;
    common::Worker& worker;
    core::CertificateStore& store;
    Credentials& credentials;
    std::string nssdb;
    bool token = false;          ///< Keys are in one.
    std::function<void()> gone;  ///< A credential is gone: links are to be decided anew.
    std::function<void()> back;  ///< The token can be used, and could not at the last look.
  };
  explicit KeyWatch(Parts parts) : parts_(std::move(parts)) {}
  void Start();

 private:
  using Stamp = std::array<std::int64_t, 6>;
  [[nodiscard]] Stamp StampNow() const;
  void Look();
  void Found(const absl::StatusOr<std::vector<core::StoredKey>>& keys);
  /// A token's answer, before it is judged: what is not there holds no keys.
  void LookAtToken(const absl::StatusOr<std::vector<core::StoredKey>>& keys);

  Parts parts_;
  Stamp seen_{};
  bool doubted_ = false;  ///< A key was not found at the last look.
  bool asking_ = false;
  std::set<std::string> in_token_;  ///< At the last look.
  bool token_looked_at_ = false;
  absl::Status token_state_;
};

}  // namespace henb::x2sec::app
