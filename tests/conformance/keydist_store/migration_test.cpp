// What a release with schema 1 left behind is taken over, whole or not at all; what a newer one left is not touched.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "common/file.h"
#include "common/strings.h"
#include "keydist-server/domain/pair_key.h"
#include "keydist-server/domain/root_sealer.h"
#include "keydist-server/store/etcd_client.h"
#include "keydist-server/store/sqlite_schema.h"
#include "keydist-server/store/sqlite_store.h"
#include "store_world.h"

namespace henb::keydist::store {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

const std::string kFixtures = std::string(X2_SOURCE_DIR) + "/tests/unit/keydist/fixtures/schema-1/";

Json Facts() { return Json::parse(*common::ReadFile(kFixtures + "facts.json")); }

/// The store holds what that release handed out: the same HeNBs, exceptions, and keys.
void ExpectAsItWas(Store& store) {
  const Json facts = Facts();
  const auto a = *store.FindHenb(*common::HenbId::Parse("a.example"));
  const auto b = *store.FindHenb(*common::HenbId::Parse("b.example"));
  const auto d = *store.FindHenb(*common::HenbId::Parse("d.example"));
  ASSERT_TRUE(a && b && d);
  EXPECT_EQ(a->groups, (std::vector<std::string>{"north", "site"}));
  EXPECT_EQ(a->anchors[0].ToHex(), facts["henbs"][0]["anchor_spki_sha256"][0].get<std::string>());
  EXPECT_EQ(b->generation, 3U);
  EXPECT_EQ(d->state, domain::HenbState::kSuspended);
  std::vector<PairException> pairs;
  ASSERT_TRUE(store.ReadAll([](const auto&) {}, [&](PairException pair) { pairs.push_back(std::move(pair)); }).ok());
  ASSERT_EQ(pairs.size(), 1U);
  EXPECT_EQ(pairs[0].rule, domain::PairRule::kDeny);

  const auto sealer = *domain::RootSealer::Make(common::SecretBytes::CopyOf(std::string(32, 'k')));
  const std::vector<StoredEpoch> epochs = *store.Epochs();
  ASSERT_EQ(epochs.size(), 3U);
  for (const auto& [number, key] : {std::pair{2, "current_key"}, {3, "next_key"}}) {
    const auto root = sealer.Open(number, epochs[number - 1].sealed);
    ASSERT_TRUE(root.ok()) << root.status();
    const auto keys = *domain::EpochKeys::FromRoot(number, *root);
    common::SecretBytes pair_key(domain::kPairKeySize);
    keys->Derive({"a.example", a->generation}, {"b.example", b->generation}, domain::Purpose::kIkePsk,
                 std::span<std::uint8_t, domain::kPairKeySize>(pair_key.data(), pair_key.size()));
    EXPECT_EQ(common::ToHex(pair_key.view()), facts[key].get<std::string>()) << number;
  }
}

class SqliteMigration : public ::testing::Test {
 protected:
  void Take(const std::string& fixture) { std::filesystem::copy_file(kFixtures + fixture, path_); }
  std::uint64_t Number(const std::string& sql) {
    common::SqliteDatabase database = *common::SqliteDatabase::Open(path_);
    common::SqliteStatement read(database, sql);
    EXPECT_TRUE(*read.Step()) << sql;
    return read.Number(0);
  }
  void Execute(const std::string& sql) { ASSERT_TRUE(common::SqliteDatabase::Open(path_)->Execute(sql).ok()) << sql; }
  tests::TempDirectory folder_;
  std::string path_ = folder_.File("keydist.db");
};

TEST_F(SqliteMigration, AFileOfSchema1IsTakenOver) {
  Take("keydist.db");
  ASSERT_EQ(Number("SELECT value FROM meta WHERE name='schema'"), 1U);
  const std::uint64_t revision = Number("SELECT value FROM meta WHERE name='revision'");
  for (int opened = 0; opened < 2; ++opened) {
    const auto store = SqliteStore::Open(path_);
    ASSERT_TRUE(store.ok()) << store.status();
    ExpectAsItWas(**store);
    EXPECT_FALSE((*store)->KekInForce()->has_value());
    EXPECT_EQ(*(*store)->Revision(), revision) << "watchers need not ask anew";
    EXPECT_TRUE((*store)->Following().ok());
  }
  EXPECT_EQ(Number("SELECT value FROM meta WHERE name='schema'"), kSqliteSchema);
}

TEST_F(SqliteMigration, AServiceThatWasMovedStaysMoved) {
  Take("keydist-moved.db");
  ASSERT_EQ(Number("SELECT value FROM meta WHERE name='schema'"), 2U);
  for (int opened = 0; opened < 2; ++opened) {
    const auto store = SqliteStore::Open(path_);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_TRUE(absl::IsFailedPrecondition((*store)->Following()));
  }
}

TEST_F(SqliteMigration, ANewFileHasWhatAnOldOneGetsByMigration) {
  const auto layout = [&](const std::string& path) {
    const auto store = SqliteStore::Open(path);
    EXPECT_TRUE(store.ok()) << store.status();
    common::SqliteDatabase database = *common::SqliteDatabase::Open(path);
    std::vector<std::string> columns;
    common::SqliteStatement read(
        database,
        "SELECT m.name || '.' || c.name || ' ' || c.type || ' ' || c.pk || ' ' || c.\"notnull\" FROM "
        "sqlite_master m, pragma_table_info(m.name) c WHERE m.type='table' ORDER BY 1");
    while (*read.Step()) columns.emplace_back(read.Bytes(0));
    return columns;
  };
  Take("keydist.db");
  EXPECT_EQ(layout(path_), layout(folder_.File("new.db")));
}

TEST_F(SqliteMigration, AFileOfANewerReleaseIsRefusedAndLeftAsItIs) {
  Take("keydist.db");
  Execute("UPDATE meta SET value=4 WHERE name='schema'; CREATE TABLE of_the_future(x)");
  const absl::Status status = SqliteStore::Open(path_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()),
              ::testing::AllOf(HasSubstr(path_), HasSubstr("newer release (schema 4, this one knows up to 3)"),
                               HasSubstr("restore the backup")));
  EXPECT_EQ(Number("SELECT value FROM meta WHERE name='schema'"), 4U);
  Execute("UPDATE meta SET value=0 WHERE name='schema'");
  EXPECT_TRUE(absl::IsDataLoss(SqliteStore::Open(path_).status()));
}

TEST_F(SqliteMigration, WhatFailsHalfWayLeavesTheFileAsItWas) {
  Take("keydist-moved.db");
  // The second of its two steps cannot be done.
  Execute("CREATE TABLE kek(in_the_way)");
  EXPECT_FALSE(SqliteStore::Open(path_).ok());
  EXPECT_EQ(Number("SELECT value FROM meta WHERE name='schema'"), 2U);
  EXPECT_EQ(Number("SELECT count(*) FROM meta WHERE name='moved'"), 0U);
  Execute("DROP TABLE kek");
  EXPECT_TRUE(SqliteStore::Open(path_).ok());
}

class EtcdMigration : public ::testing::Test {
 protected:
  /// What that release left in etcd, under a prefix of this test's.
  void Fill() {
    for (const Json& entry : Json::parse(*common::ReadFile(kFixtures + "etcd.json"))) {
      const std::string key = prefix_ + entry["key"].get<std::string>().substr(std::string("keydist/").size());
      ASSERT_TRUE(client_.PutIf(key, 0, *common::FromHex(entry["value"].get<std::string>())).ok());
    }
  }
  EtcdSchema Schema() {
    const EtcdAnswer answer = *client_.Range({.key = prefix_ + "schema"});
    return *DecodeSchema(answer.entries.at(0).value);
  }
  void SetVersion(std::uint32_t version) {
    const EtcdAnswer answer = *client_.Range({.key = prefix_ + "schema"});
    EtcdSchema schema = *DecodeSchema(answer.entries.at(0).value);
    schema.version = version;
    ASSERT_TRUE(client_.PutIf(prefix_ + "schema", answer.entries[0].revision, EncodeSchema(schema)).ok());
  }
  std::string prefix_ = "migration-" + FreshPrefix();
  common::SystemClock clock_;
  EtcdClient client_{EndpointsOf(Etcd()), clock_};
};

TEST_F(EtcdMigration, ALayoutOfVersion1IsTakenOver) {
  ASSERT_NO_FATAL_FAILURE(Fill());
  ASSERT_EQ(Schema().version, 1U);
  const std::uint64_t base = Schema().revision_base;
  for (int opened = 0; opened < 2; ++opened) {
    const auto store = OpenEtcd(prefix_);
    ASSERT_TRUE(store.ok()) << store.status();
    ExpectAsItWas(**store);
    EXPECT_FALSE((*store)->KekInForce()->has_value());
  }
  EXPECT_EQ(Schema().version, EtcdStore::kSchema);
  EXPECT_EQ(Schema().revision_base, base);
}

TEST_F(EtcdMigration, TwoReplicasThatStartAtOnceMigrateOnce) {
  ASSERT_NO_FATAL_FAILURE(Fill());
  absl::Status first;
  std::thread thread([&] { first = OpenEtcd(prefix_).status(); });
  const absl::Status second = OpenEtcd(prefix_).status();
  thread.join();
  EXPECT_TRUE(first.ok()) << first;
  EXPECT_TRUE(second.ok()) << second;
}

TEST_F(EtcdMigration, ALayoutOfANewerReleaseIsRefusedAndLeftAsItIs) {
  ASSERT_NO_FATAL_FAILURE(Fill());
  SetVersion(3);
  const absl::Status status = OpenEtcd(prefix_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("newer release (layout 3, this one knows up to 2)"));
  EXPECT_EQ(Schema().version, 3U);
}

}  // namespace
}  // namespace henb::keydist::store
