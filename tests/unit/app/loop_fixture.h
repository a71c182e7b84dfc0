// A loop on a clock that stands still, and one worker.
#pragma once

#include <gtest/gtest.h>

#include <chrono>

#include "common/clock.h"
#include "common/event_loop.h"
#include "common/henb_id.h"
#include "common/random.h"
#include "common/worker.h"

namespace henb::tests {

/// Until everything that was handed to the worker or posted has run, and what followed from it.
inline void SettleOn(common::EventLoop& loop, common::Worker& worker) {
  for (int round = 0; round < 8; ++round) {
    bool served = false;
    worker.Run([] { return true; }, [&served](bool) { served = true; });
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!served && std::chrono::steady_clock::now() < deadline) loop.RunOnce(absl::Milliseconds(5));
    ASSERT_TRUE(served) << "the worker is stuck";
  }
}

class LoopFixture : public ::testing::Test {
 protected:
  /// Before what its jobs use is gone.
  void TearDown() override { worker.Stop(); }

  void Settle() { SettleOn(loop, worker); }
  void Advance(absl::Duration by) {
    clock.Advance(by);
    Settle();
  }
  static common::HenbId Id(std::string_view text) { return *common::HenbId::Parse(text); }

  common::FakeClock clock;
  common::FakeRandom random;
  common::EventLoop loop{clock};
  common::Worker worker{loop, 1};
};

}  // namespace henb::tests
