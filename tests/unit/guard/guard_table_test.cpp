// What the guard's table says, and what never gets into it (R16, R43, R55).
#include "henb-x2sec/guard/guard_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace henb::x2sec::guard {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

common::IpAddress Ip(std::string_view text) { return *common::IpAddress::Parse(text); }
common::Cidr Net(std::string_view text) { return *common::Cidr::Parse(text); }

core::GuardSpec Spec() {
  core::GuardSpec spec;
  spec.ports = core::X2Ports();
  spec.admitted = {{Ip("10.9.0.2"), 101}, {Ip("fd00::2"), 101}};
  spec.trusted = {{Ip("10.9.1.9"), "eth0", Net("10.9.1.0/24")}};
  spec.backhaul_reqid = 50;
  spec.core_networks = {Net("10.100.0.0/16")};
  spec.backhaul_only = {{Ip("10.100.0.1"), 8443}};
  spec.initial_only = {{Ip("10.100.0.10"), 8080}};
  spec.initial_reqid = 1077;
  return spec;
}

std::string Structure(const core::GuardSpec& spec) {
  const auto table = Render(spec);
  EXPECT_TRUE(table.ok()) << table.status();
  return table.ok() ? table->structure : "";
}

/// The lines of one chain.
std::string Chain(const std::string& structure, const std::string& name) {
  const auto begin = structure.find("\tchain " + name + " {");
  EXPECT_NE(begin, std::string::npos) << name;
  return structure.substr(begin, structure.find("\t}\n", begin) - begin);
}

TEST(GuardTable, R16EveryX2ChainEndsWithADrop) {
  const std::string structure = Structure(Spec());
  for (const auto& [chain, counter] : {std::pair("leaving", "dropped_out"), std::pair("arriving", "dropped_in"),
                                       std::pair("passing", "dropped_forward")}) {
    EXPECT_TRUE(Chain(structure, chain).ends_with(std::string("counter name \"") + counter + "\" drop\n"));
    EXPECT_TRUE(Chain(structure, std::string(chain) + "_gtpu").ends_with(std::string("goto ") + chain + "\n"));
  }
}

TEST(GuardTable, R16OnlyTheNeighboursOwnIpsecAndTheTrustedLinkAreAccepted) {
  const std::string structure = Structure(Spec());
  for (const char* name : {"leaving", "arriving", "passing"}) {
    std::istringstream lines(Chain(structure, name));
    for (std::string line; std::getline(lines, line);) {
      if (!line.ends_with("accept")) continue;
      const bool own = line.find("ipsec out reqid @admitted") != std::string::npos ||
                       line.find("ipsec in reqid @admitted") != std::string::npos;
      EXPECT_TRUE(own || line.find("@trusted") != std::string::npos) << name << ": " << line;
    }
  }
  EXPECT_THAT(Chain(structure, "leaving"), HasSubstr("ip daddr . ipsec out reqid @admitted4 accept"));
  EXPECT_THAT(Chain(structure, "arriving"), HasSubstr("ip6 saddr . ipsec in reqid @admitted6 accept"));
}

TEST(GuardTable, R16PortsAreGuardedAsSourceAndDestinationAtThreeHooks) {
  const std::string structure = Structure(Spec());
  for (const char* hook : {"output", "input", "forward"}) {
    const std::string chain = Chain(structure, hook);
    EXPECT_THAT(chain, HasSubstr(std::string("hook ") + hook));
    for (const char* port :
         {"udp dport 2152 goto", "udp sport 2152 goto", "sctp dport 36422 goto", "sctp sport 36422 goto"}) {
      EXPECT_THAT(chain, HasSubstr(port));
    }
  }
}

TEST(GuardTable, OnlyGtpuMayBeS1uAndOnlyInsideTheBackhaul) {
  const std::string structure = Structure(Spec());
  EXPECT_THAT(Chain(structure, "leaving_gtpu"), HasSubstr("ip daddr @core4 ipsec out reqid 50 accept"));
  EXPECT_THAT(Chain(structure, "arriving_gtpu"), HasSubstr("ip6 saddr @core6 ipsec in reqid 50 accept"));
  EXPECT_THAT(Chain(structure, "output"), HasSubstr("sctp dport 36422 goto leaving\n"));
  core::GuardSpec none = Spec();
  none.backhaul_reqid.reset();
  none.core_networks.clear();
  EXPECT_THAT(Structure(none), Not(HasSubstr("@core4")));
}

TEST(GuardTable, KnownNeighboursAreJudgedBeforeTheCoreNetworks) {
  const std::string chain = Chain(Structure(Spec()), "leaving_gtpu");
  EXPECT_LT(chain.find("@neighbours4 goto leaving"), chain.find("@core4"));
}

TEST(GuardTable, TrustedMeansInClear) {
  const std::string structure = Structure(Spec());
  EXPECT_THAT(Chain(structure, "leaving"), HasSubstr("rt ipsec missing ip daddr . oifname @trusted4 accept"));
  EXPECT_THAT(Chain(structure, "arriving"), HasSubstr("meta ipsec missing ip6 saddr . iifname @trusted6 accept"));
}

TEST(GuardTable, R55ServicesOfTheBackhaul) {
  const std::string structure = Structure(Spec());
  EXPECT_THAT(Chain(structure, "output"), HasSubstr("ip daddr . tcp dport @backhaul_only4 goto leaving_backhaul_only"));
  EXPECT_THAT(Chain(structure, "input"), HasSubstr("ip saddr . tcp sport @backhaul_only4 goto arriving_backhaul_only"));
  EXPECT_THAT(Chain(structure, "leaving_backhaul_only"),
              HasSubstr("ipsec out reqid 50 accept\n\t\tcounter name \"dropped_backhaul\" drop"));
  core::GuardSpec spec = Spec();
  spec.backhaul_trusted = true;
  EXPECT_THAT(Chain(Structure(spec), "output"), Not(HasSubstr("backhaul_only"))) << "signed policy says so";
  spec = Spec();
  spec.backhaul_reqid.reset();
  spec.core_networks.clear();
  EXPECT_THAT(Chain(Structure(spec), "leaving_backhaul_only"), Not(HasSubstr("accept"))) << "no backhaul, no way";
}

TEST(GuardTable, R65TheMovedBackhaulIsAsGoodAsTheOldOne) {
  core::GuardSpec spec = Spec();
  spec.moved_reqid = 51;
  const std::string structure = Structure(spec);
  for (const char* reqid : {"reqid 50 accept", "reqid 51 accept"}) {
    for (const char* chain : {"leaving_gtpu", "arriving_gtpu", "leaving_backhaul_only", "arriving_backhaul_only"}) {
      EXPECT_THAT(Chain(structure, chain), HasSubstr(reqid)) << chain;
    }
  }
  EXPECT_THAT(Chain(structure, "leaving"), Not(HasSubstr("reqid 51"))) << "X2 has no place in it";
}

TEST(GuardTable, RulesDoNotDependOnWhoIsAdmitted) {
  core::GuardSpec other = Spec();
  other.admitted.clear();
  other.trusted.clear();
  other.backhaul_only.clear();
  other.initial_only.clear();
  EXPECT_EQ(Structure(other), Structure(Spec()));
}

TEST(GuardTable, ElementsAreWhatNftPrints) {
  core::GuardSpec spec = Spec();
  spec.core_networks = {Net("10.100.0.0/16"), Net("10.100.7.0/24"), Net("10.4.4.4/32"), Net("fd10::/32")};
  const auto table = Render(spec);
  ASSERT_TRUE(table.ok());
  EXPECT_THAT(table->elements.at("admitted4"), UnorderedElementsAre("10.9.0.2 . 101"));
  EXPECT_THAT(table->elements.at("admitted6"), UnorderedElementsAre("fd00::2 . 101"));
  EXPECT_THAT(table->elements.at("trusted4"), UnorderedElementsAre("10.9.1.9 . \"eth0\""));
  EXPECT_THAT(table->elements.at("trusted6"), IsEmpty());
  EXPECT_THAT(table->elements.at("core4"), UnorderedElementsAre("10.100.0.0/16", "10.4.4.4")) << "no network twice";
  EXPECT_THAT(table->elements.at("backhaul_only4"), UnorderedElementsAre("10.100.0.1 . 8443"));
  EXPECT_THAT(table->elements.at("initial_only4"), UnorderedElementsAre("10.100.0.10 . 8080"));
}

TEST(GuardTable, RefusesWhatCannotBeMeant) {
  const auto refused = [](const auto& change) {
    core::GuardSpec spec = Spec();
    change(spec);
    const auto table = Render(spec);
    EXPECT_EQ(table.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(table.status().message());
  };
  EXPECT_THAT(refused([](auto& s) { s.ports.clear(); }), HasSubstr("no protected port"));
  EXPECT_THAT(refused([](auto& s) {
                s.ports.insert({core::ProtectedPort::Protocol::kUdp, 0});
              }),
              HasSubstr("0 is not"));
  EXPECT_THAT(refused([](auto& s) { s.admitted.insert({Ip("10.9.0.3"), 0}); }), HasSubstr("reqid 0 of 10.9.0.3"));
  EXPECT_THAT(refused([](auto& s) { s.admitted.insert({Ip("10.9.0.3"), 16380}); }), HasSubstr("16379"));
  EXPECT_THAT(refused([](auto& s) { s.admitted.insert({Ip("10.9.0.3"), 50}); }), HasSubstr("backhaul's reqid"));
  EXPECT_THAT(refused([](auto& s) { s.admitted.insert({common::IpAddress(), 7}); }), HasSubstr("no address"));
  EXPECT_THAT(refused([](auto& s) {
                s.trusted.insert({Ip("10.9.2.9"), "eth0", Net("10.9.1.0/24")});
              }),
              HasSubstr("10.9.2.9 is not in 10.9.1.0/24"));
  EXPECT_THAT(refused([](auto& s) { s.backhaul_reqid.reset(); }), HasSubstr("core networks"));
  EXPECT_THAT(refused([](auto& s) { s.moved_reqid = s.admitted.begin()->reqid; }), HasSubstr("the backhaul's reqid"));
  for (const char* name :
       {"", "eth0 ", "eth0\" accept }", "e*", "..", "an-interface-too", "eth\n0", "ät0", "a;b", "a/b"}) {
    EXPECT_THAT(refused([&](auto& s) {
                  s.trusted.insert({Ip("10.9.1.8"), name, Net("10.9.1.0/24")});
                }),
                HasSubstr("is not an interface name"))
        << name;
  }
}

TEST(GuardTable, UpdateNamesOnlyTheDifference) {
  core::GuardSpec other = Spec();
  other.admitted.erase({Ip("10.9.0.2"), 101});
  other.admitted.insert({Ip("10.9.0.3"), 102});
  EXPECT_EQ(UpdateScript(Render(Spec())->elements, Render(other)->elements),
            "delete element inet x2sec admitted4 { 10.9.0.2 . 101 }\n"
            "add element inet x2sec admitted4 { 10.9.0.3 . 102 }\n");
  EXPECT_EQ(UpdateScript(Render(other)->elements, Render(other)->elements), "");
}

TEST(GuardTable, ReplacementIsOneScriptAndCountersGoOn) {
  const std::string script = ReplaceScript(*Render(Spec()), {{"dropped_in", {7, 700}}, {"of somebody else", {1, 1}}});
  EXPECT_TRUE(script.starts_with("add table inet x2sec\ndelete table inet x2sec\ntable inet x2sec {\n"));
  EXPECT_THAT(script, HasSubstr("counter dropped_in {\n\t\tpackets 7 bytes 700\n"));
  EXPECT_THAT(script, HasSubstr("counter dropped_out {\n\t\tpackets 0 bytes 0\n"));
  EXPECT_THAT(script, HasSubstr("add element inet x2sec admitted4 { 10.9.0.2 . 101 }\n"));
}

}  // namespace
}  // namespace henb::x2sec::guard
