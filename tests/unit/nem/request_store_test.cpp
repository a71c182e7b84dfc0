#include "henb-x2sec/nem/request_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/file.h"
#include "tests/support/temp_directory.h"
#include "tests/support/test_pki.h"

namespace henb::tests {
namespace {

using absl::StatusCode;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using x2sec::nem::Request;
using x2sec::nem::RequestState;
using x2sec::nem::RequestStore;

const absl::Time kNow = absl::FromUnixMicros(1'800'000'000'123'456);

Request Example(const std::string& id) {
  return {.id = id,
          .device = common::HenbId::Parse("henb-a.example").value(),
          .pkcs10 = std::string("\0\1binary", 8),
          .received = kNow,
          .changed = kNow,
          .next_attempt = kNow};
}

class NemStore : public ::testing::Test {
 protected:
  TempDirectory directory;
  std::string path = directory.File("requests.db");
  std::unique_ptr<RequestStore> store = RequestStore::Open(path).value();
};

TEST_F(NemStore, KeepsAllOfARequestOverAReopen) {
  const TestAuthority ca = TestAuthority::Root("/CN=CA");
  Request request = Example("one");
  request.state = RequestState::kRejected;
  request.attempts = 3;
  request.chain = {ca.IssueHenb("henb-a.example").certificate, ca.certificate()};
  request.collected = true;
  request.revoke_at = kNow + absl::Seconds(5);
  request.detail = "why";
  ASSERT_TRUE(store->Put(request).ok());
  store.reset();
  store = RequestStore::Open(path).value();
  const Request read = store->Find("one").value().value();
  EXPECT_EQ(read.device, request.device);
  EXPECT_EQ(read.pkcs10, request.pkcs10);
  EXPECT_EQ(read.state, request.state);
  EXPECT_EQ(read.received, kNow);
  EXPECT_EQ(read.attempts, 3U);
  ASSERT_THAT(read.chain, SizeIs(2));
  EXPECT_EQ(read.chain[0].der(), request.chain[0].der());
  EXPECT_TRUE(read.collected);
  EXPECT_EQ(read.revoke_at, request.revoke_at);
  EXPECT_FALSE(read.revoked);
  EXPECT_EQ(read.detail, "why");
}

TEST_F(NemStore, DueIsWhatItsTimeHasComeFor) {
  Request later = Example("later");
  later.next_attempt = kNow + absl::Seconds(1);
  for (const Request& each : {Example("a"), later, Example("b")}) ASSERT_TRUE(store->Put(each).ok());
  EXPECT_THAT(store->Due(RequestState::kPending, kNow, 10).value(), SizeIs(2));
  EXPECT_EQ(store->Due(RequestState::kPending, kNow, 1).value().at(0).id, "a");
  EXPECT_THAT(store->Due(RequestState::kPending, kNow + absl::Seconds(1), 10).value(), SizeIs(3));
  EXPECT_EQ(store->CountSince(Example("a").device, kNow).value(), 3U);
  EXPECT_EQ(store->CountSince(Example("a").device, kNow + absl::Seconds(1)).value(), 0U);
}

TEST_F(NemStore, AFailedTransactionLeavesNothing) {
  const absl::Status failed = store->Transact([&]() -> absl::Status {
    EXPECT_TRUE(store->Put(Example("a")).ok());
    return absl::AbortedError("no");
  });
  EXPECT_EQ(failed.code(), StatusCode::kAborted);
  EXPECT_THAT(store->All().value(), IsEmpty());
}

TEST_F(NemStore, TwoProgramsSeeEachOthersRequests) {
  const auto other = RequestStore::Open(path).value();
  ASSERT_TRUE(store->Put(Example("a")).ok());
  EXPECT_THAT(other->All().value(), SizeIs(1));
  ASSERT_TRUE(other->Note("last_batch", "x").ok());
  EXPECT_EQ(store->NoteOf("last_batch").value(), "x");
}

TEST_F(NemStore, ADamagedFileIsSaidSo) {
  store.reset();
  ASSERT_TRUE(common::WriteFileAtomically(path, std::string(8192, 'x')).ok());
  EXPECT_EQ(RequestStore::Open(path).status().code(), StatusCode::kDataLoss);
}

}  // namespace
}  // namespace henb::tests
