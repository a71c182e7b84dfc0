#include "henb-x2sec/pluto/secret_file.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>

#include "common/file.h"
#include "common/status.h"

namespace henb::x2sec::pluto {
namespace {

using common::HenbId;
using common::SecretBytes;
using common::StrCat;
using core::SecretPair;

constexpr std::size_t kLargestFile = 4U << 20;
constexpr std::size_t kShortestKey = 16;
constexpr std::size_t kLongestKey = 64;
constexpr std::string_view kBetween = " : PSK 0x";

/// Which pair a line is for; nothing when it is not one of our lines. Never copies the key.
std::optional<SecretPair> PairOf(std::string_view line) {
  const auto between = line.find(kBetween);
  if (between == std::string_view::npos) return std::nullopt;
  const std::string_view names = line.substr(0, between);
  const std::string_view digits = line.substr(between + kBetween.size());
  const auto blank = names.find(' ');
  if (blank == std::string_view::npos || !names.starts_with('@') || names.substr(blank + 1).substr(0, 1) != "@") {
    return std::nullopt;
  }
  const bool hex = std::all_of(digits.begin(), digits.end(),
                               [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (!hex || digits.size() < 2 * kShortestKey || digits.size() > 2 * kLongestKey || digits.size() % 2 != 0) {
    return std::nullopt;
  }
  auto local = HenbId::Parse(names.substr(1, blank - 1));
  auto peer = HenbId::Parse(names.substr(blank + 2));
  if (!local.ok() || !peer.ok()) return std::nullopt;
  return SecretPair{*std::move(local), *std::move(peer)};
}

/// Calls `visit(line, pair)` for each line without its end. InvalidArgument names the line that is none of ours.
template <typename Visit>
absl::Status ForEachLine(const SecretBytes& text, const std::string& path, Visit visit) {
  std::string_view rest = text.view();
  for (int number = 1; !rest.empty(); ++number) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const auto pair = PairOf(line);
    if (!pair) return absl::InvalidArgumentError(StrCat(path, ":", number, ": not a line of ours"));
    visit(line, *pair);
  }
  return absl::OkStatus();
}

absl::Status RequirePrivate(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return absl::ErrnoToStatus(errno, path);
  if (!S_ISREG(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(StrCat(path, ": not a plain file of our own with mode 0600"));
  }
  return absl::OkStatus();
}

std::string FolderOf(const std::string& path) { return std::filesystem::path(path).parent_path().string(); }

}  // namespace

absl::StatusOr<std::unique_ptr<SecretFile>> SecretFile::Open(SecretFileOptions options) {
  if (!options.path.starts_with('/')) return absl::InvalidArgumentError(StrCat(options.path, ": not an absolute path"));
  if (options.require_memory) RETURN_IF_ERROR(common::RequireMemoryFileSystem(FolderOf(options.path)));
  // What a crash in the middle of a change left.
  unlink(StrCat(options.path, ".new").c_str());
  // pluto says of a file that is not there nothing at all, and so not whether its secrets file includes this one.
  if (access(options.path.c_str(), F_OK) != 0 && errno == ENOENT) {
    RETURN_IF_ERROR(common::WriteFileAtomically(options.path, "", 0600));
  }
  std::unique_ptr<SecretFile> file(new SecretFile(std::move(options)));
  ASSIGN_OR_RETURN(const SecretBytes text, file->Read());
  RETURN_IF_ERROR(ForEachLine(text, file->options_.path,
                              [&](std::string_view, const SecretPair& pair) { file->pairs_.push_back(pair); }));
  return file;
}

absl::StatusOr<SecretBytes> SecretFile::Read() const {
  const absl::Status is_private = RequirePrivate(options_.path);
  if (absl::IsNotFound(is_private)) return SecretBytes();
  RETURN_IF_ERROR(is_private);
  return common::ReadSecretFile(options_.path, kLargestFile);
}

absl::Status SecretFile::Put(const HenbId& local, const HenbId& peer, const SecretBytes& key) {
  if (local.empty() || peer.empty() || local == peer) {
    return absl::InvalidArgumentError("a secret needs two different identities");
  }
  if (key.size() < kShortestKey || key.size() > kLongestKey) {
    return absl::InvalidArgumentError(
        StrCat("a secret of ", key.size(), " octets is not within ", kShortestKey, "…", kLongestKey));
  }
  SecretBytes line;
  line.Append(StrCat("@", local.str(), " @", peer.str(), kBetween));
  line.AppendHex(key.span());
  return Replace({local, peer}, line);
}

absl::Status SecretFile::Remove(const HenbId& local, const HenbId& peer) {
  return Replace({local, peer}, SecretBytes());
}

absl::Status SecretFile::Replace(const SecretPair& pair, const SecretBytes& line) {
  if (options_.require_memory) RETURN_IF_ERROR(common::RequireMemoryFileSystem(FolderOf(options_.path)));
  ASSIGN_OR_RETURN(const SecretBytes before, Read());
  SecretBytes after;
  std::vector<SecretPair> pairs;
  bool replaced = false;
  const auto add = [&](std::string_view text, const SecretPair& whose) {
    after.Append(text);
    after.Append("\n");
    pairs.push_back(whose);
  };
  RETURN_IF_ERROR(ForEachLine(before, options_.path, [&](std::string_view text, const SecretPair& whose) {
    if (whose != pair) return add(text, whose);
    if (!line.empty() && !replaced) add(line.view(), pair);
    replaced = true;
  }));
  if (!replaced && !line.empty()) add(line.view(), pair);
  if (!common::ConstantTimeEquals(before, after)) {
    RETURN_IF_ERROR(common::WriteFileAtomically(options_.path, after.view(), 0600));
  }
  pairs_ = std::move(pairs);
  return absl::OkStatus();
}

bool SecretFile::Has(const HenbId& local, const HenbId& peer) const {
  return std::find(pairs_.begin(), pairs_.end(), SecretPair{local, peer}) != pairs_.end();
}

}  // namespace henb::x2sec::pluto
