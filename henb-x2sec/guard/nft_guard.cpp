#include "henb-x2sec/guard/nft_guard.h"

#include <utility>

#include "common/log.h"
#include "common/status.h"

namespace henb::x2sec::guard {
namespace {

constexpr absl::Duration kDeadline = absl::Seconds(10);

absl::Status CannotRun(const absl::Status& status) {
  return absl::UnavailableError(common::StrCat("running nft: ", status.message()));
}

/// nft's first line says what is wrong.
std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

absl::StatusOr<std::unique_ptr<NftGuard>> NftGuard::Open(common::ProcessRunner& runner, std::string nft) {
  ASSIGN_OR_RETURN_CTX(NftEvents events, NftEvents::Open(), "guard");
  return std::unique_ptr<NftGuard>(new NftGuard(runner, std::move(nft), std::move(events)));
}

NftGuard::NftGuard(common::ProcessRunner& runner, std::string nft, NftEvents events)
    : runner_(runner), nft_(std::move(nft)), events_(std::move(events)) {}

absl::StatusOr<std::optional<Listing>> NftGuard::List() {
  common::ProcessRequest request;
  request.argv = {nft_, "list", "table", "inet", std::string(kTableName)};
  request.deadline = kDeadline;
  const auto result = runner_.Run(request);
  if (!result.ok()) return CannotRun(result.status());
  if (result->exit_status != 0) {
    if (result->error.find("No such file or directory") != std::string::npos) return std::nullopt;
    return absl::InternalError(common::StrCat("nft does not list the guard: ", FirstLine(result->error)));
  }
  ASSIGN_OR_RETURN_CTX(Listing listing, ParseListing(result->output), "guard");
  counters_ = listing.counters;
  return std::optional<Listing>(std::move(listing));
}

absl::Status NftGuard::RunScript(const std::string& script) {
  common::ProcessRequest request;
  request.argv = {nft_, "-f", "-"};
  request.standard_input = script;
  request.deadline = kDeadline;
  events_.ExpectOwn();
  const auto result = runner_.Run(request);
  if (!result.ok() || result->exit_status != 0) events_.OwnFailed();
  if (!result.ok()) return CannotRun(result.status());
  if (result->exit_status != 0) {
    return absl::InternalError(common::StrCat("nft refused the guard: ", FirstLine(result->error)));
  }
  return absl::OkStatus();
}

bool NftGuard::SameStructure(const TableContent& wanted, const TableContent& there) const {
  if (wanted.structure == there.structure) return true;
  const auto printed = printed_as_.find(wanted.structure);
  return printed != printed_as_.end() && printed->second == there.structure;
}

absl::Status NftGuard::Replace(const TableContent& table) {
  RETURN_IF_ERROR(RunScript(ReplaceScript(table, counters_)));
  ASSIGN_OR_RETURN(const std::optional<Listing> listing, List());
  if (!listing) return absl::AbortedError("the guard's table was removed while it was installed");
  if (!SameStructure(table, listing->table)) {
    common::LogWarning("guard_listed_in_other_words", {{"nft", nft_}});
    printed_as_[table.structure] = listing->table.structure;
  }
  return absl::OkStatus();
}

absl::Status NftGuard::Apply(const core::GuardSpec& spec) {
  ASSIGN_OR_RETURN(const TableContent wanted, Render(spec));
  auto listing = List();
  // A listing that cannot be read is a table that somebody changed.
  if (!listing.ok() && listing.status().code() != absl::StatusCode::kInvalidArgument) return listing.status();
  if (listing.ok() && *listing && SameStructure(wanted, (*listing)->table)) {
    const std::string script = UpdateScript((*listing)->table.elements, wanted.elements);
    if (script.empty() || RunScript(script).ok()) return absl::OkStatus();
  }
  return Replace(wanted);
}

absl::StatusOr<bool> NftGuard::InPlace(const core::GuardSpec& spec) {
  ASSIGN_OR_RETURN(const TableContent wanted, Render(spec));
  auto listing = List();
  if (listing.status().code() == absl::StatusCode::kInvalidArgument) return false;
  RETURN_IF_ERROR(listing.status());
  if (!*listing) return false;
  const TableContent& there = (*listing)->table;
  return SameStructure(wanted, there) && there.elements == wanted.elements;
}

absl::StatusOr<core::GuardCounters> NftGuard::Counters() {
  ASSIGN_OR_RETURN(const std::optional<Listing> listing, List());
  if (!listing) return absl::NotFoundError("there is no guard");
  const auto packets = [&](const std::string& name) {
    const auto found = listing->counters.find(name);
    return found == listing->counters.end() ? 0 : found->second.packets;
  };
  return core::GuardCounters{packets("dropped_out"), packets("dropped_in"), packets("dropped_forward"),
                             packets("dropped_backhaul")};
}

}  // namespace henb::x2sec::guard
