// Output of whack 4.10, as it came (fixtures/).
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "common/file.h"
#include "common/strings.h"
#include "henb-x2sec/pluto/whack_reply.h"

namespace henb::x2sec::pluto {

inline std::string Fixture(const std::string& name) {
  auto text = common::ReadFile(common::StrCat(X2_SOURCE_DIR, "/tests/unit/pluto/fixtures/", name, ".txt"));
  EXPECT_TRUE(text.ok()) << text.status();
  return text.ok() ? *std::move(text) : std::string();
}

inline WhackReply ReplyOf(const std::string& fixture, bool timed_out = false) {
  common::ProcessResult result;
  result.exit_status = 0;
  result.output = Fixture(fixture);
  result.timed_out = timed_out;
  auto reply = ParseReply(result);
  EXPECT_TRUE(reply.ok()) << reply.status();
  return reply.ok() ? *std::move(reply) : WhackReply{};
}

}  // namespace henb::x2sec::pluto
