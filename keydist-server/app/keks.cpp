#include "keydist-server/app/keks.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "common/file.h"
#include "common/private_file.h"
#include "common/status.h"
#include "common/unique_fd.h"
#include "keydist-server/domain/software_kek.h"
#include "keydist-server/pkcs11/pkcs11_kek.h"

namespace henb::keydist::app {
namespace {

int NibbleOf(std::uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20U;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

absl::StatusOr<std::shared_ptr<domain::Kek>> LoadFile(const std::string& path) {
  RETURN_IF_ERROR(common::RequirePrivateFile(path));
  ASSIGN_OR_RETURN(common::SecretBytes content, common::ReadSecretFile(path));
  std::size_t digits = content.size();
  if (digits == 65 && content.data()[64] == '\n') --digits;
  if (digits == 64) {
    common::SecretBytes kek(domain::kKekSize);
    for (std::size_t i = 0; i < kek.size(); ++i) {
      const int high = NibbleOf(content.data()[2 * i]);
      const int low = NibbleOf(content.data()[2 * i + 1]);
      if (high < 0 || low < 0) return absl::InvalidArgumentError(common::StrCat(path, ": not 64 hexadecimal digits"));
      kek.data()[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    content = std::move(kek);
  }
  ASSIGN_OR_RETURN_CTX(std::shared_ptr<domain::Kek> kek, domain::SoftwareKek::Make(std::move(content), path), path);
  return kek;
}

absl::StatusOr<std::shared_ptr<domain::Kek>> Load(const std::string& place) {
  if (!pkcs11::IsPkcs11Uri(place)) return LoadFile(place);
  ASSIGN_OR_RETURN(pkcs11::Pkcs11Uri uri, pkcs11::ParsePkcs11Uri(place));
  ASSIGN_OR_RETURN(std::shared_ptr<domain::Kek> kek, pkcs11::Pkcs11Kek::Open(std::move(uri)));
  return kek;
}

absl::Status MakeFile(const std::string& path, common::Random& random) {
  const common::UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid()) {
    const std::string text = common::StrCat(path, ": ", std::strerror(errno));
    return errno == EEXIST ? absl::AlreadyExistsError(text) : absl::UnavailableError(text);
  }
  common::SecretBytes kek(domain::kKekSize);
  random.Fill({kek.data(), kek.size()});
  if (write(fd.get(), kek.data(), kek.size()) != static_cast<ssize_t>(kek.size()) || fsync(fd.get()) != 0) {
    return absl::UnavailableError(common::StrCat(path, ": ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<domain::RootSealer> LoadKeks(const Config& config) {
  std::vector<std::shared_ptr<domain::Kek>> keks;
  ASSIGN_OR_RETURN_CTX(keks.emplace_back(), Load(config.kek), "keys.kek");
  for (const std::string& place : config.previous_keks) {
    ASSIGN_OR_RETURN_CTX(keks.emplace_back(), Load(place), "keys.previous_keks");
  }
  return domain::RootSealer::Of(std::move(keks));
}

absl::Status MakeKek(const std::string& place, common::Random& random) {
  if (!pkcs11::IsPkcs11Uri(place)) return MakeFile(place, random);
  ASSIGN_OR_RETURN(const pkcs11::Pkcs11Uri uri, pkcs11::ParsePkcs11Uri(place));
  return pkcs11::Pkcs11Kek::Generate(uri, random);
}

}  // namespace henb::keydist::app
