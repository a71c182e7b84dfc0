// x2-test-crl: publishes an authority's revocation list and answers OCSP, in the lab.
#include <netdb.h>
#include <openssl/pem.h>
#include <signal.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <cstring>
#include <iostream>

#include "absl/strings/ascii.h"
#include "common/exit_status.h"
#include "common/file.h"
#include "common/status.h"
#include "common/unique_fd.h"
#include "tests/ca/revocation_desk.h"

namespace henb::tests {
namespace {

constexpr std::size_t kMostRequest = 64U << 10;

struct Options {
  std::string address;
  std::string port;
  std::string ca_certificate;
  std::string ca_key;
  std::string revoked;
  int next_update_s = 3600;
};

std::vector<std::string> ReadSerials(const std::string& path) {
  const auto text = common::ReadFile(path);
  std::vector<std::string> out;
  if (!text.ok()) return out;
  for (const std::string_view line : common::Split(*text, '\n')) {
    std::string serial = absl::AsciiStrToLower(common::ToAbsl(line));
    serial.erase(0, std::min(serial.find_first_not_of('0'), serial.size()));
    if (!serial.empty()) out.push_back(serial);
  }
  return out;
}

absl::StatusOr<common::UniqueFd> Listen(const Options& options) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(options.address.c_str(), options.port.c_str(), &hints, &found) != 0) {
    return absl::InvalidArgumentError("--address is not an address in numbers");
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, freeaddrinfo);
  common::UniqueFd fd(socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0 || listen(fd.get(), 16) != 0) {
    return absl::UnavailableError(std::strerror(errno));
  }
  return fd;
}

/// One connection after the other: its clients are few.
void Serve(int connection, RevocationDesk& desk) {
  const timeval patience{.tv_sec = 5, .tv_usec = 0};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::string request;
  std::size_t whole = std::string::npos;
  while (request.size() < kMostRequest && request.size() < whole) {
    char chunk[4096];
    const ssize_t got = recv(connection, chunk, sizeof chunk, 0);
    if (got <= 0) return;
    request.append(chunk, static_cast<std::size_t>(got));
    const std::size_t head_end = request.find("\r\n\r\n");
    if (head_end == std::string::npos) continue;
    const std::size_t at = request.find("Content-Length: ");
    whole = head_end + 4;
    if (at < head_end) whole += std::strtoul(request.c_str() + at + 16, nullptr, 10);
  }
  const std::string answer = desk.Answer(request);
  for (std::string_view rest = answer; !rest.empty();) {
    const ssize_t put = send(connection, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (put <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
  std::cout << request.substr(0, request.find('\r')) << " -> " << answer.substr(0, answer.find('\r')) << std::endl;
}

absl::Status Run(const Options& options) {
  ASSIGN_OR_RETURN(const std::string certificate_pem, common::ReadFile(options.ca_certificate));
  ASSIGN_OR_RETURN_CTX(auto certificate, common::Certificate::FromPem(certificate_pem), options.ca_certificate);
  ASSIGN_OR_RETURN(const common::SecretBytes key_pem, common::ReadSecretFile(options.ca_key));
  const OpensslPtr<BIO> bio(BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())));
  std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  if (key == nullptr) return absl::InvalidArgumentError(common::StrCat(options.ca_key, ": no PEM private key"));
  RevocationDesk desk({.issuer = certificate,
                       .key = key,
                       .next_update = absl::Seconds(options.next_update_s),
                       .revoked = [path = options.revoked] { return ReadSerials(path); }});
  ASSIGN_OR_RETURN(const common::UniqueFd listener, Listen(options));
  std::cout << "listening on port " << options.port << std::endl;
  while (true) {
    const common::UniqueFd connection(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection.valid()) Serve(connection.get(), desk);
  }
}

}  // namespace
}  // namespace henb::tests

int main(int argc, char** argv) {
  henb::tests::Options options;
  CLI::App app{"An authority's revocation list (GET) and OCSP answers (POST) for the lab. Ends by a signal."};
  app.add_option("--address", options.address, "In numbers")->required();
  app.add_option("--port", options.port, "TCP")->required();
  app.add_option("--ca-cert", options.ca_certificate, "PEM")->required()->check(CLI::ExistingFile);
  app.add_option("--ca-key", options.ca_key, "PEM")->required()->check(CLI::ExistingFile);
  app.add_option("--revoked", options.revoked, "File of serial numbers, hexadecimal, one a line; read at each request")
      ->required();
  app.add_option("--next-update", options.next_update_s, "Seconds that a list holds")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? henb::common::kExitDone : henb::common::kExitInvalid;
  }
  const absl::Status status = henb::tests::Run(options);
  std::cerr << "x2-test-crl: " << status.message() << std::endl;
  return henb::common::ExitStatusOf(status);
}
