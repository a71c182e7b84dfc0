// What every backend of the key service's store is tested with.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>

#include "common/clock.h"
#include "common/random.h"
#include "keydist-server/store/etcd_store.h"
#include "keydist-server/store/store.h"
#include "tests/support/etcd_cluster.h"
#include "tests/support/etcd_endpoints.h"
#include "tests/support/temp_directory.h"

namespace henb::keydist::store {

inline domain::HenbRecord Record(const std::string& id, std::vector<std::string> groups = {"site"}) {
  domain::HenbRecord record;
  record.id = *common::HenbId::Parse(id);
  record.anchors = {common::Sha256Digest::Of("one"), common::Sha256Digest::Of("two")};
  record.groups = std::move(groups);
  EXPECT_TRUE(domain::Normalise(&record).ok());
  return record;
}

inline domain::PairId Pair(const std::string& one, const std::string& other) {
  return *domain::PairId::Of(*common::HenbId::Parse(one), *common::HenbId::Parse(other));
}

inline StoredEpoch Epoch(std::uint64_t number, const std::string& sealed = "sealed") {
  return {.number = number, .activates = absl::FromUnixMicros(1'800'000'000'000'001), .sealed = sealed};
}

/// One etcd for the whole program, started when first asked for.
inline tests::EtcdProcess& Etcd() {
  static tests::EtcdProcess process;
  return process;
}

/// A prefix that no other test has.
inline std::string FreshPrefix() {
  static std::atomic<int> next{0};
  return "test-" + std::to_string(next++) + "/";
}

inline absl::StatusOr<std::unique_ptr<EtcdStore>> OpenEtcd(const std::string& prefix) {
  static const common::SystemClock clock;
  static common::SystemRandom random;
  return EtcdStore::Open({.endpoints = EndpointsOf(Etcd()), .prefix = prefix}, clock, random);
}

}  // namespace henb::keydist::store
