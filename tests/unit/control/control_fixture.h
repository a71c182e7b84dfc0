// A control server in a folder of its own, in front of a fake backend, and x2secctl to talk to it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fake_backend.h"
#include "henb-x2sec/control/control_server.h"

namespace henb::x2sec::control {

struct CtlResult {
  int status = -1;
  std::string out;
  std::string err;
  /// Standard output as JSON; discarded when it is not exactly that.
  [[nodiscard]] nlohmann::ordered_json json() const { return nlohmann::ordered_json::parse(out, nullptr, false); }
};

class ControlFixture : public testing::Test {
 protected:
  ControlFixture();
  ~ControlFixture() override;

  /// Call once the backend is filled.
  void StartServer();
  /// x2secctl on the control socket.
  [[nodiscard]] CtlResult Ctl(std::vector<std::string> arguments) const;
  /// x2secctl on the status socket.
  [[nodiscard]] CtlResult StatusCtl(std::vector<std::string> arguments) const;
  /// Writes a file into the folder and returns its path.
  [[nodiscard]] std::string Write(const std::string& name, const std::string& content) const;
  [[nodiscard]] ControlServerConfig Config() const;

  std::string folder_;
  FakeBackend backend_;
  std::unique_ptr<ControlServer> server_;
};

/// A link with every field, and one with none but the required.
[[nodiscard]] LinkView FullLink();
[[nodiscard]] LinkView BlockedLink();

}  // namespace henb::x2sec::control
