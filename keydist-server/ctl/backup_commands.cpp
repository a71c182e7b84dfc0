// keydistctl backup, migrate.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "common/file.h"
#include "common/status.h"
#include "keydist-server/ctl/commands.h"
#include "keydist-server/ctl/output.h"
#include "keydist-server/domain/backup.h"

namespace henb::keydist::ctl {
namespace {

constexpr absl::Duration kDeadline = absl::Minutes(10);  // A million HeNBs.

absl::Status Backup(Session& session, const std::string& path) {
  std::string text;
  RETURN_IF_ERROR(session.Stream(&v1::Admin::Stub::Backup, v1::BackupRequest(), kDeadline,
                                 [&](const v1::BackupPiece& piece) { text.append(piece.octets()); }));
  // What could not be restored is not kept.
  const absl::StatusOr<domain::Backup> read = domain::ReadBackup(text);
  if (!read.ok()) return absl::DataLossError(common::StrCat("the server's backup: ", read.status().message()));
  RETURN_IF_ERROR(common::WriteFileAtomically(path, text, 0600));
  if (session.json) {
    Print(nlohmann::ordered_json{{"file", path},
                                 {"henbs", read->henbs.size()},
                                 {"pairs", read->pairs.size()},
                                 {"highest_epoch", read->highest_epoch},
                                 {"audit_records", read->audit.sequence}});
  } else {
    Print(common::StrCat(path, ": ", read->henbs.size(), " HeNBs, ", read->pairs.size(), " pairs, highest epoch ",
                         read->highest_epoch, "\n"));
  }
  return absl::OkStatus();
}

absl::Status Migrate(Session& session) {
  session.deadline = kDeadline;
  v1::MigrateResponse moved;
  RETURN_IF_ERROR(session.Call(&v1::Admin::Stub::Migrate, v1::MigrateRequest(), &moved));
  if (session.json) {
    Print(nlohmann::ordered_json{{"henbs", moved.henbs()},
                                 {"pairs", moved.pairs()},
                                 {"epochs", moved.epochs()},
                                 {"revision", moved.revision()}});
  } else {
    Print(common::StrCat(
        "moved to etcd: ", moved.henbs(), " HeNBs, ", moved.pairs(), " pairs, ", moved.epochs(),
        " epochs\nthis server hands out nothing any more: set store.backend = \"etcd\" and restart it\n"));
  }
  return absl::OkStatus();
}

}  // namespace

void AddBackupCommands(CLI::App& app, Command* chosen) {
  CLI::App* backup =
      app.add_subcommand("backup", "saves what is registered, no keys and no roots; keydist-server --restore takes it");
  auto path = std::make_shared<std::string>();
  backup->add_option("FILE", *path, "written as a whole, mode 0600")->required();
  backup->callback([=] { *chosen = [=](Session& session) { return Backup(session, *path); }; });
  CLI::App* migrate = app.add_subcommand(
      "migrate", "moves the service from SQLite to the etcd of the server's configuration, while it serves");
  migrate->callback([=] { *chosen = Migrate; });
}

}  // namespace henb::keydist::ctl
