// keydistctl henb import.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>

#include "absl/container/flat_hash_map.h"
#include "common/digest.h"
#include "common/status.h"
#include "keydist-server/ctl/commands.h"
#include "keydist-server/ctl/henb_import.h"
#include "keydist-server/ctl/line_reader.h"
#include "keydist-server/ctl/output.h"

namespace henb::keydist::ctl {
namespace {

constexpr int kBatchLines = 1000;
constexpr std::size_t kBatchOctets = 1U << 20;
constexpr absl::Duration kBatchDeadline = absl::Minutes(2);

struct ImportOptions {
  std::string path;
  std::string format;
  bool dry_run = false;
};

struct Counts {
  std::uint64_t lines = 0;  ///< With a HeNB in them, good or bad.
  std::uint64_t added = 0;
  std::uint64_t unchanged = 0;
  std::uint64_t refused = 0;
};

/// How far it is, on standard error: a line that rewrites itself on a terminal, one every ten seconds elsewhere.
class Progress {
 public:
  Progress(std::uint64_t size, bool terminal) : size_(size), terminal_(terminal) {}
  ~Progress() { Clear(); }
  void Show(const Counts& counts, std::uint64_t octets) {
    const absl::Time now = absl::Now();
    if (now - shown_ < (terminal_ ? absl::Milliseconds(200) : absl::Seconds(10))) return;
    shown_ = now;
    const double seconds = std::max(absl::ToDoubleSeconds(now - began_), 0.001);
    std::fprintf(stderr, "%s%llu lines, %d %%, %.0f a second, %llu refused%s", terminal_ ? "\r\033[K" : "",
                 static_cast<unsigned long long>(counts.lines),
                 size_ == 0 ? 100 : static_cast<int>(std::min<std::uint64_t>(100, octets * 100 / size_)),
                 static_cast<double>(counts.lines) / seconds, static_cast<unsigned long long>(counts.refused),
                 terminal_ ? "" : "\n");
    drawn_ = terminal_;
  }
  /// Before anything else is written there.
  void Clear() {
    if (std::exchange(drawn_, false)) std::fputs("\r\033[K", stderr);
  }

 private:
  std::uint64_t size_;
  bool terminal_;
  bool drawn_ = false;
  absl::Time began_ = absl::Now();
  absl::Time shown_ = began_;
};

class Import {
 public:
  Import(Session& session, const ImportOptions& options, LineReader reader, std::uint64_t size)
      : session_(session), options_(options), reader_(std::move(reader)), progress_(size, isatty(STDERR_FILENO) == 1) {
    request_.set_dry_run(options.dry_run);
  }

  absl::Status Run(ImportFormat format) {
    const absl::Status status = ReadAll(format);
    progress_.Clear();
    Report(status.ok());
    RETURN_IF_ERROR(status);
    if (counts_.refused == 0) return absl::OkStatus();
    return absl::InvalidArgumentError(common::StrCat(options_.path, ": ", counts_.refused, " of ", counts_.lines,
                                                     " lines were refused and changed nothing"));
  }

 private:
  absl::Status ReadAll(ImportFormat format) {
    std::optional<ImportParser> parser;
    if (format == ImportFormat::kJsonLines) parser = ImportParser::ForJsonLines();
    while (true) {
      const auto read = reader_.Next();
      if (!read.ok()) {
        RETURN_IF_ERROR(Flush());
        return absl::InvalidArgumentError(
            common::StrCat(options_.path, ":", reader_.line(), ": ", read.status().message(), "; ", SoFar()));
      }
      if (!*read) return Flush();
      std::string_view line = **read;
      octets_ += line.size() + 1;
      if (reader_.line() == 1 && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line.empty()) continue;
      if (!parser) {
        ASSIGN_OR_RETURN_CTX(parser, ImportParser::ForCsv(line), common::StrCat(options_.path, ":", reader_.line()));
        continue;
      }
      ++counts_.lines;
      absl::StatusOr<domain::HenbRecord> record = parser->Parse(line);
      record.ok() ? Take(*record) : Refuse(reader_.line(), record.status().message());
      if (request_.henbs_size() >= kBatchLines || waiting_octets_ >= kBatchOctets) RETURN_IF_ERROR(Flush());
      progress_.Show(counts_, octets_);
    }
  }

  void Take(const domain::HenbRecord& record) {
    v1::AddHenbRequest henb;
    henb.set_id(record.id.str());
    for (const common::SpkiHash& anchor : record.anchors) henb.add_anchor_spki_sha256(anchor.ToHex());
    for (const std::string& group : record.groups) henb.add_groups(group);
    const std::string wire = henb.SerializeAsString();
    const Seen now{reader_.line(), common::Sha256Digest::Of(wire)};
    const auto [seen, first] = seen_.try_emplace(record.id.str(), now);
    if (!first && seen->second.content != now.content) {
      return Refuse(now.line, common::StrCat("id: differs from line ", seen->second.line));
    }
    if (!first) {
      ++counts_.unchanged;
      return;
    }
    waiting_octets_ += wire.size() + 4;
    lines_.push_back(now.line);
    *request_.add_henbs() = std::move(henb);
  }

  template <typename Text>
  void Refuse(std::uint64_t line, const Text& why) {
    ++counts_.refused;
    progress_.Clear();
    std::fprintf(stderr, "%s\n", common::StrCat(options_.path, ":", line, ": ", why).c_str());
  }

  /// What stands in the request is sent; the server has taken it or, after an error, perhaps has.
  absl::Status Flush() {
    if (lines_.empty()) return absl::OkStatus();
    v1::ImportHenbsResponse response;
    session_.deadline = kBatchDeadline;
    absl::Status status = session_.Call(&v1::Admin::Stub::ImportHenbs, request_, &response);
    if (status.ok() && response.results_size() != request_.henbs_size()) {
      status = absl::InternalError("the server did not answer for each line");
    }
    if (!status.ok()) {
      return common::WithContext(status,
                                 common::StrCat(options_.path, ": stopped at line ", lines_.front(), ": ", SoFar()));
    }
    for (int i = 0; i < response.results_size(); ++i) {
      const v1::ImportResult& result = response.results(i);
      if (result.outcome() == v1::IMPORT_ADDED) ++counts_.added;
      if (result.outcome() == v1::IMPORT_UNCHANGED) ++counts_.unchanged;
      if (result.outcome() == v1::IMPORT_REFUSED) Refuse(lines_[static_cast<std::size_t>(i)], result.error());
    }
    answered_ = lines_.back();
    lines_.clear();
    waiting_octets_ = 0;
    request_.clear_henbs();
    return absl::OkStatus();
  }

  std::string SoFar() const {
    const std::string doubt =
        lines_.empty() ? "" : common::StrCat(", those from ", lines_.front(), " to ", lines_.back(), " perhaps");
    if (options_.dry_run) return "nothing was changed";
    return common::StrCat("good lines up to ", answered_, " are in", doubt,
                          "; run it again: what is in stays as it is");
  }

  void Report(bool whole) const {
    if (session_.json) {
      return Print(nlohmann::ordered_json{{"file", options_.path},
                                          {"dry_run", options_.dry_run},
                                          {"whole", whole},
                                          {"lines", counts_.lines},
                                          {"added", counts_.added},
                                          {"unchanged", counts_.unchanged},
                                          {"refused", counts_.refused}});
    }
    Print(common::StrCat(counts_.lines, " lines: ", counts_.added, options_.dry_run ? " to be added, " : " added, ",
                         counts_.unchanged, " unchanged, ", counts_.refused, " refused\n"));
  }

  struct Seen {
    std::uint64_t line;
    common::Sha256Digest content;
  };
  Session& session_;
  const ImportOptions& options_;
  LineReader reader_;
  Progress progress_;
  Counts counts_;
  std::uint64_t octets_ = 0;
  std::uint64_t answered_ = 0;        ///< The last line that the server answered for.
  std::vector<std::uint64_t> lines_;  ///< Of what stands in the request.
  std::size_t waiting_octets_ = 0;
  v1::ImportHenbsRequest request_;
  absl::flat_hash_map<std::string, Seen> seen_;
};

absl::Status ImportFile(Session& session, const ImportOptions& options) {
  ImportFormat format = options.format == "csv" ? ImportFormat::kCsv : ImportFormat::kJsonLines;
  if (options.format.empty()) {
    ASSIGN_OR_RETURN(format, FormatOfName(options.path));
  }
  ASSIGN_OR_RETURN(LineReader reader, LineReader::Open(options.path, LineReader::LastLine::kMayBeOpen));
  std::error_code unknown;
  const std::uintmax_t size = std::filesystem::file_size(options.path, unknown);
  return Import(session, options, std::move(reader), unknown ? 0 : size).Run(format);
}

}  // namespace

void AddImportCommand(CLI::App& henb, Command* chosen) {
  CLI::App* import = henb.add_subcommand(
      "import", "registers the HeNBs of a file, one a line; what is there already as the line says is left as it is");
  auto options = std::make_shared<ImportOptions>();
  import->add_option("FILE", options->path, "CSV with a header, or JSON lines: id, anchor_spki_sha256, groups")
      ->required();
  import->add_option("--format", options->format, "csv or jsonl; by the file's name without it")
      ->check(CLI::IsMember({"csv", "jsonl"}));
  import->add_flag("--dry-run", options->dry_run, "says what would be done, and changes nothing");
  import->callback([=] { *chosen = [=](Session& session) { return ImportFile(session, *options);
};
}  // namespace henb::keydist::ctl
);
}

}  // namespace henb::keydist::ctl
