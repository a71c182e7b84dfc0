// From the old certificate to the new: nothing of the old is left, whatever happens on the way.
#include "henb-x2sec/app/credentials/certificate_succession.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "device_files.h"
#include "loop_fixture.h"
#include "tests/support/fake_ike_daemon.h"

namespace henb::x2sec::app {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

/// A device on its second operator certificate; links a–b and a–c are up, authenticated by IKE SAs 1 and 2.
class CertificateSuccessionTest : public tests::LoopFixture {
 protected:
  CertificateSuccessionTest() {
    credentials = std::make_unique<Credentials>(*Credentials::Load(device.config, store));
    EXPECT_TRUE(credentials->ImportInto(store).ok());
    old_key = Enrol();
  }
  void SetUp() override { Restart(); }

  /// x2secd starts: nothing is known but what is in files and in the store.
  void Restart() {
    Settle();  // what its workers have begun ends
    succession = std::make_unique<CertificateSuccession>(CertificateSuccession::Parts{
        .loop = loop,
        .clock = clock,
        .random = random,
        .ike_worker = worker,
        .ike = ike,
        .store = store,
        .credentials = *credentials,
        .path = device.directory.File("superseded_keys.json"),
        .left_behind = [this](std::uint64_t newest) -> std::optional<std::vector<common::HenbId>> {
          if (pluto_away) return std::nullopt;
          std::vector<common::HenbId> left;
          for (const auto& [id, serial] : authenticated_by) {
            if (serial <= newest) left.push_back(id);
          }
          return left;
        },
        .change_key =
            [this](const common::HenbId& id, std::function<void(absl::Status)> done) {
              changed.push_back(id.str());
              if (held_back) {
                waiting = std::move(done);
                return;
              }
              if (refusing.contains(id)) return done(absl::AbortedError("reauthentication_refused"));
              authenticated_by[id] = 100;
              done(absl::OkStatus());
            },
        .starts = [this](const common::HenbId& id) { return !peer_starts.contains(id); },
        .look_at_pluto = [] {},
        .note = [this](const std::string& step, bool, const std::string&) { steps.push_back(step); }});
  }
  /// A new key and certificate in the store and in use; its ckaid.
  std::string Enrol() {
    const tests::TestCredential issued = device.operator_root.IssueHenb("henb-a.example");
    const std::string ckaid = *store.ImportKey(tests::Pkcs8Of(issued.key.get()), issued.certificate);
    credentials->Adopt(Credential{.certificate = issued.certificate,
                                  .intermediates = {},
                                  .anchor = device.operator_root.certificate(),
                                  .ckaid = ckaid,
                                  .rsa = false});
    return ckaid;
  }
  void Renew() {
    ASSERT_TRUE(succession->WillReplace(old_key).ok());
    new_key = Enrol();
    succession->Begin();
  }
  void Pass(int seconds) {
    Settle();
    for (int i = 0; i < seconds; ++i) Advance(absl::Seconds(1));
  }
  std::vector<std::string> KeysInStore() {
    std::vector<std::string> out;
    const auto keys = store.Keys();
    for (const core::StoredKey& key : *keys) {
      if (key.ckaid != credentials->vendor().ckaid) out.push_back(key.ckaid);
    }
    return out;
  }
  /// What each test ends with.
  void ExpectDone() {
    EXPECT_THAT(KeysInStore(), ElementsAre(credentials->operator_credential()->ckaid));
    EXPECT_THAT(succession->ToGo(), IsEmpty());
    Restart();
    EXPECT_THAT(succession->ToGo(), IsEmpty()) << "and that is on the disk";
  }

  const common::HenbId b = Id("henb-b.example");
  const common::HenbId c = Id("henb-c.example");
  tests::DeviceFiles device;
  tests::FakeCertificateStore store;
  tests::FakeIkeNetwork network;
  tests::FakeIkeDaemon ike{network, nullptr};
  std::unique_ptr<Credentials> credentials;
  std::unique_ptr<CertificateSuccession> succession;
  std::string old_key, new_key;
  /// Serial of the IKE SA of each link; the fake pluto lists none, so that its baseline is 0 and these are its own.
  std::map<common::HenbId, std::uint64_t> authenticated_by = {{b, 0}, {c, 0}};
  std::set<common::HenbId> refusing, peer_starts;
  std::vector<std::string> changed, steps;
  std::function<void(absl::Status)> waiting;
  bool pluto_away = false;
  bool held_back = false;
};

TEST_F(CertificateSuccessionTest, R32LinksMoveOneAfterAnotherThenTheOldKeyGoes) {
  held_back = true;
  Renew();
  Pass(4);
  EXPECT_THAT(changed, ElementsAre(b.str())) << "one at a time";
  EXPECT_EQ(ike.calls("RereadCertificates"), 1);
  EXPECT_THAT(KeysInStore(), UnorderedElementsAre(old_key, new_key));
  held_back = false;
  authenticated_by[b] = 100;
  waiting(absl::OkStatus());
  Pass(4);
  EXPECT_THAT(changed, ElementsAre(b.str(), c.str()));
  Pass(4);
  EXPECT_THAT(steps, ElementsAre("succession.link_moved", "succession.link_moved", "succession.old_key_removed"));
  ExpectDone();
}

TEST_F(CertificateSuccessionTest, R32ALinkThatIsDownKeepsNobodyWaiting) {
  authenticated_by.erase(c);
  Renew();
  Pass(6);
  EXPECT_THAT(changed, ElementsAre(b.str()));
  ExpectDone();
}

TEST_F(CertificateSuccessionTest, R32AFailedChangeKeepsTheOldKeyAndIsTriedAgainAfterTheOthers) {
  refusing = {b};
  Renew();
  Pass(6);
  ASSERT_GE(changed.size(), 2U);
  EXPECT_EQ(changed[0], b.str());
  EXPECT_EQ(changed[1], c.str()) << "nobody waits for the one that fails";
  EXPECT_THAT(KeysInStore(), UnorderedElementsAre(old_key, new_key));
  Pass(300);
  EXPECT_LE(changed.size(), 12U) << "with growing distance";
  refusing.clear();
  Pass(200);
  EXPECT_EQ(changed.back(), b.str());
  ExpectDone();
}

TEST_F(CertificateSuccessionTest, R32WhereThePeerStartsKeyChangesItsOwnIsWaitedFor) {
  peer_starts = {b, c};
  Renew();
  Pass(4);
  EXPECT_THAT(changed, IsEmpty());
  authenticated_by[b] = 100;  // the peer has renewed as well
  Pass(8);
  EXPECT_THAT(changed, ElementsAre(c.str())) << "one whose peer does nothing is moved by us";
  Pass(4);
  ExpectDone();
}

TEST_F(CertificateSuccessionTest, R34ARestartInEveryStateGoesOn) {
  ASSERT_TRUE(succession->WillReplace(old_key).ok());
  Restart();  // the power went before the CA answered
  succession->Begin();
  Pass(10);
  EXPECT_THAT(KeysInStore(), ElementsAre(old_key)) << "it is in use";
  EXPECT_THAT(changed, IsEmpty());

  Renew();
  Restart();  // installed, no link has moved
  succession->Begin();
  Pass(3);
  EXPECT_THAT(changed, ElementsAre(b.str()));
  Restart();                // one has
  authenticated_by[b] = 0;  // not known any more which
  succession->Begin();
  Pass(8);
  EXPECT_THAT(changed, ElementsAre(b.str(), b.str(), c.str()));
  ExpectDone();
}

TEST_F(CertificateSuccessionTest, R34TheKeyIsGoneButTheListIsNotYet) {
  authenticated_by.clear();
  ASSERT_TRUE(succession->WillReplace(old_key).ok());
  new_key = Enrol();
  ASSERT_TRUE(store.DeleteKey(old_key).ok());
  Restart();
  succession->Begin();
  Pass(5);
  ExpectDone();
}

TEST_F(CertificateSuccessionTest, R34NothingIsRemovedWhilePlutoIsAway) {
  ike.Kill();
  pluto_away = true;
  Renew();
  Pass(30);
  EXPECT_THAT(KeysInStore(), UnorderedElementsAre(old_key, new_key));
  EXPECT_THAT(changed, IsEmpty());
  ike.Start();
  pluto_away = false;
  authenticated_by = {};
  succession->Begin();
  Pass(6);
  ExpectDone();
}

TEST_F(CertificateSuccessionTest, R32TwoRenewalsInARowLeaveOneKey) {
  held_back = true;
  Renew();
  Pass(3);
  const std::string second = new_key;
  ASSERT_TRUE(succession->WillReplace(second).ok());
  new_key = Enrol();
  succession->Begin();
  held_back = false;
  waiting(absl::OkStatus());
  Pass(12);
  ExpectDone();
}

TEST_F(CertificateSuccessionTest, TheVendorKeyAndUnknownFilesAreNeverTouched) {
  ASSERT_TRUE(succession->WillReplace(credentials->vendor().ckaid).ok());
  authenticated_by.clear();
  succession->Begin();
  Pass(5);
  EXPECT_EQ(store.Keys()->size(), 2U);
  ASSERT_TRUE(common::WriteFileAtomically(device.directory.File("superseded_keys.json"), "{\"superseded\": 7}").ok());
  Restart();
  EXPECT_THAT(succession->ToGo(), IsEmpty());
}

}  // namespace
}  // namespace henb::x2sec::app
