// An RA/CA in memory: the fake of Enroller.
#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "henb-x2sec/core/ports/enroller.h"
#include "tests/support/test_pki.h"

namespace henb::tests {

/// Issues certificates below `ca` for the identity that asks, or fails as told. Any thread.
class FakeEnroller final : public x2sec::core::Enroller {
 public:
  explicit FakeEnroller(TestAuthority ca) : ca_(std::move(ca)) {}

  absl::StatusOr<x2sec::core::Enrolled> Enrol(const x2sec::core::EnrolRequest& request) override {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    if (!errors_.empty()) {
      const absl::Status error = std::move(errors_.front());
      errors_.pop_front();
      return error;
    }
    unfinished_ = true;
    const TestCredential issued = ca_.Issue({.subject = "/O=Test/CN=" + request.identity.str(),
                                             .dns_names = {request.identity.str()},
                                             .not_before = not_before_,
                                             .not_after = not_after_});
    return x2sec::core::Enrolled{.certificate = issued.certificate,
                                 .intermediates = {},
                                 .anchor = ca_.certificate(),
                                 .private_key_pkcs8 = Pkcs8Of(issued.key.get()),
                                 .ckaid = ""};
  }

  [[nodiscard]] bool Unfinished() const override {
    const std::lock_guard lock(mutex_);
    return unfinished_;
  }
  absl::Status Kept() override {
    const std::lock_guard lock(mutex_);
    unfinished_ = false;
    return absl::OkStatus();
  }

  /// What it issues from now on is valid so.
  void set_validity(absl::Time not_before, absl::Time not_after) {
    const std::lock_guard lock(mutex_);
    not_before_ = not_before;
    not_after_ = not_after;
  }
  /// As an earlier run left it that was cut off.
  void CutOff() {
    const std::lock_guard lock(mutex_);
    unfinished_ = true;
  }
  /// The next attempts fail so, one each.
  void FailNext(absl::Status error) {
    const std::lock_guard lock(mutex_);
    errors_.push_back(std::move(error));
  }
  [[nodiscard]] std::vector<x2sec::core::EnrolRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  TestAuthority ca_;
  mutable std::mutex mutex_;
  absl::Time not_before_ = CertificateSpec{}.not_before;
  absl::Time not_after_ = CertificateSpec{}.not_after;
  bool unfinished_ = false;
  std::deque<absl::Status> errors_;
  std::vector<x2sec::core::EnrolRequest> requests_;
};

}  // namespace henb::tests
