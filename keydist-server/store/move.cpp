#include "keydist-server/store/move.h"

#include "absl/cleanup/cleanup.h"
#include "common/log.h"
#include "common/status.h"
#include "keydist-server/store/etcd_filler.h"

namespace henb::keydist::store {
namespace {

absl::StatusOr<EtcdContent> Read(SqliteStore& from, const EtcdKeys& keys, Moved* moved) {
  std::vector<domain::HenbRecord> henbs;
  std::vector<PairException> pairs;
  ASSIGN_OR_RETURN(moved->revision,
                   from.ReadAll([&](domain::HenbRecord record) { henbs.push_back(std::move(record)); },
                                [&](PairException exception) { pairs.push_back(std::move(exception)); }));
  ASSIGN_OR_RETURN(const std::vector<StoredEpoch> epochs, from.Epochs());
  moved->henbs = henbs.size();
  moved->pairs = pairs.size();
  moved->epochs = epochs.size();
  return ContentOf(keys, henbs, pairs, epochs);
}

absl::Status CopyAndMark(SqliteStore& from, EtcdFiller& to, Moved* moved) {
  ASSIGN_OR_RETURN(EtcdContent content, Read(from, to.keys(), moved));
  RETURN_IF_ERROR_CTX(to.Fill(std::move(content)), "nothing is moved yet, run it again");
  common::LogInfo("store_move_copied", {{"henbs", moved->henbs}, {"pairs", moved->pairs}, {"epochs", moved->epochs}});
  from.Freeze(true);
  const absl::Cleanup thaw = [&from] { from.Freeze(false); };
  ASSIGN_OR_RETURN(content, Read(from, to.keys(), moved));
  RETURN_IF_ERROR_CTX(to.Fill(std::move(content)), "nothing is moved yet, run it again");
  return from.MarkMoved();
}

}  // namespace

absl::StatusOr<Moved> MoveToEtcd(SqliteStore& from, EtcdStore::Options to, const common::Clock& clock,
                                 common::Random& random) {
  ASSIGN_OR_RETURN(const std::uint64_t id, from.MoveId(random));
  ASSIGN_OR_RETURN(const std::unique_ptr<EtcdFiller> filler,
                   EtcdFiller::Begin(std::move(to), id, !from.moved(), clock));
  Moved moved;
  if (from.moved()) {
    RETURN_IF_ERROR(Read(from, filler->keys(), &moved).status());  // For the numbers.
  } else {
    RETURN_IF_ERROR(CopyAndMark(from, *filler, &moved));
  }
  // After the mark nothing changes it any more.
  ASSIGN_OR_RETURN(const std::optional<StoredKek> kek, from.KekInForce());
  RETURN_IF_ERROR_CTX(filler->Finish(moved.revision, kek),
                      "marked as moved, but the new store is not open yet: run it again");
  RETURN_IF_ERROR_CTX(from.ForgetRoots(), "moved, but the roots in the old store are still there: run it again");
  common::LogInfo(
      "store_moved",
      {{"henbs", moved.henbs}, {"pairs", moved.pairs}, {"epochs", moved.epochs}, {"revision", moved.revision}});
  return moved;
}

}  // namespace henb::keydist::store
