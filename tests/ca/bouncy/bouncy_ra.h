// The second RA/CA of the tests: a program of Bouncy Castle's, which shares no code with the client's library.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/unique_fd.h"
#include "tests/support/temp_directory.h"
#include "tests/support/test_pki.h"

namespace henb::tests {

/// Owns the running program, on loopback; it ends with this object, and with us however we end (its standard input
/// closes).
class BouncyRa {
 public:
  struct Parts {
    const TestAuthority& ca;
    std::string ra_name;
    std::vector<common::Certificate> vendor_roots;
    std::vector<common::Certificate> nems{};
    std::vector<std::string> devices{};
  };
  explicit BouncyRa(const Parts& parts);
  ~BouncyRa();
  BouncyRa(const BouncyRa&) = delete;
  BouncyRa& operator=(const BouncyRa&) = delete;

  /// "http://127.0.0.1:PORT/pkix/"; empty where the program did not start.
  [[nodiscard]] const std::string& url() const { return url_; }
  /// The last word about each certificate, oldest first: "CONFIRMED henb-a.example".
  [[nodiscard]] std::vector<std::string> Ledger() const;

 private:
  std::string Write(const std::string& name, const std::string& content) const;
  TempDirectory folder_;
  common::UniqueFd input_;
  pid_t pid_ = -1;
  std::string url_;
};

}  // namespace henb::tests
