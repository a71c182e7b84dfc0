#include "henb-x2sec/xfrm/xfrm_kernel.h"

#include <linux/netlink.h>
#include <linux/xfrm.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "common/status.h"
#include "henb-x2sec/xfrm/own_policies.h"
#include "henb-x2sec/xfrm/xfrm_parser.h"

namespace henb::x2sec::xfrm {
namespace {

constexpr std::uint32_t GroupBit(int group) { return 1U << (group - 1); }
constexpr std::uint32_t kGroups = GroupBit(XFRMNLGRP_SA) | GroupBit(XFRMNLGRP_EXPIRE) | GroupBit(XFRMNLGRP_POLICY);
constexpr int kDumpAttempts = 5;
constexpr int kDatagramsARead = 1000;  // Bounds one ReadEvents; the rest stays readable.
constexpr std::size_t kPoliciesADatagram = 64;

absl::Status KernelError(int error, std::string_view what) { return absl::ErrnoToStatus(error, common::ToAbsl(what)); }

std::string PairText(const common::IpAddress& local, const common::IpAddress& peer) {
  return common::StrCat(local.ToString(), " <-> ", peer.ToString());
}

absl::Status CheckPair(const common::IpAddress& local, const common::IpAddress& peer) {
  if (local.family() == AF_UNSPEC || local.family() != peer.family()) {
    return absl::InvalidArgumentError(common::StrCat("addresses of one IP version needed: ", PairText(local, peer)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<XfrmKernel>> XfrmKernel::Open(std::set<core::ProtectedPort> ports) {
  ASSIGN_OR_RETURN_CTX(NetlinkSocket requests,
                       NetlinkSocket::Open(NETLINK_XFRM, 0, NetlinkSocket::Wait::kUntilDeadline),
                       "IPsec of the kernel");
  ASSIGN_OR_RETURN_CTX(NetlinkSocket events, NetlinkSocket::Open(NETLINK_XFRM, kGroups, NetlinkSocket::Wait::kNever),
                       "events of the kernel's IPsec");
  return std::unique_ptr<XfrmKernel>(new XfrmKernel(std::move(requests), std::move(events), std::move(ports)));
}

XfrmKernel::XfrmKernel(NetlinkSocket requests, NetlinkSocket events, std::set<core::ProtectedPort> ports)
    : requests_(std::move(requests)), events_(std::move(events)), ports_(std::move(ports)) {}

template <typename Value, typename Parse>
absl::Status XfrmKernel::Dump(const Message& request, std::uint32_t sequence, const Parse& parse,
                              std::vector<Value>* out) {
  RETURN_IF_ERROR(requests_.Send(request));
  bool done = false;
  bool interrupted = false;
  int error = 0;
  while (!done) {
    const auto read = [&](std::span<const std::uint8_t> data) {
      ForEachMessage(data, [&](const MessageView& message) {
        if (message.sequence != sequence) return;
        if ((message.flags & NLM_F_DUMP_INTR) != 0) interrupted = true;
        if (message.type == NLMSG_DONE) done = true;
        if (const auto failed = ParseError(message)) {
          error = *failed;
          done = true;
        }
        if (auto value = parse(message)) out->push_back(*std::move(value));
      });
    };
    ASSIGN_OR_RETURN(const auto received, requests_.Receive(read));
    if (received == NetlinkSocket::Received::kLost) return absl::AbortedError("a part of the kernel's answer was lost");
  }
  if (error != 0) return KernelError(error, "dump refused");
  if (interrupted) return absl::AbortedError("changed while it was read");
  return absl::OkStatus();
}

absl::StatusOr<std::vector<KernelPolicy>> XfrmKernel::DumpPolicies() {
  absl::Status status;
  for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
    std::vector<KernelPolicy> policies;
    const std::uint32_t sequence = ++sequence_;
    status = Dump(DumpPoliciesMessage(sequence), sequence, ParsePolicy, &policies);
    if (status.ok()) return policies;
    if (status.code() != absl::StatusCode::kAborted) break;
  }
  return common::WithContext(status, "reading the kernel's IPsec policies");
}

absl::StatusOr<core::KernelSnapshot> XfrmKernel::Snapshot() {
  core::KernelSnapshot snapshot;
  absl::Status status;
  for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
    snapshot.sas.clear();
    const std::uint32_t sequence = ++sequence_;
    status = Dump(DumpSasMessage(sequence), sequence, ParseSa, &snapshot.sas);
    if (status.code() != absl::StatusCode::kAborted) break;
  }
  if (!status.ok()) return common::WithContext(status, "reading the kernel's SAs");
  ASSIGN_OR_RETURN(const std::vector<KernelPolicy> policies, DumpPolicies());
  OwnPolicies own = Recognise(policies, ports_);
  snapshot.pins = std::move(own.pins);
  snapshot.broken_pins = std::move(own.broken_pins);
  snapshot.clear_pairs = std::move(own.clear_pairs);
  snapshot.broken_clear_pairs = std::move(own.broken_clear_pairs);
  snapshot.tunnel_pins = std::move(own.tunnel_pins);
  snapshot.broken_tunnel_pins = std::move(own.broken_tunnel_pins);
  snapshot.belt_whole = own.belt_whole;
  return snapshot;
}

absl::StatusOr<std::optional<KernelPolicy>> XfrmKernel::Find(const PolicySelector& selector) {
  const std::uint32_t sequence = ++sequence_;
  RETURN_IF_ERROR(requests_.Send(GetPolicyMessage(selector, sequence)));
  std::optional<KernelPolicy> found;
  std::optional<int> error;
  while (!found && !error) {
    const auto read = [&](std::span<const std::uint8_t> data) {
      ForEachMessage(data, [&](const MessageView& message) {
        if (message.sequence != sequence) return;
        error = ParseError(message);
        if (!error) found = ParsePolicy(message);
        if (!error && !found) error = EBADMSG;
      });
    };
    ASSIGN_OR_RETURN(const auto received, requests_.Receive(read));
    if (received == NetlinkSocket::Received::kLost) error = ENOBUFS;
  }
  if (error && *error != ENOENT) return KernelError(*error, Describe(selector));
  return found;
}

absl::Status XfrmKernel::Put(const std::vector<KernelPolicy>& wanted) {
  std::vector<Message> messages;
  const std::uint32_t reserved = sequence_ + static_cast<std::uint32_t>(wanted.size()) + 1;
  std::vector<const KernelPolicy*> missing;
  for (const KernelPolicy& policy : wanted) {
    ASSIGN_OR_RETURN(const std::optional<KernelPolicy> there, Find(policy.selector));
    if (there && !(there->plain && IsOwnPriority(there->priority))) {
      return absl::FailedPreconditionError(common::StrCat("a policy of somebody else's (priority ", there->priority,
                                                          ") has the place of ours: ", Describe(policy.selector)));
    }
    if (!there || !there->Same(policy)) missing.push_back(&policy);
  }
  sequence_ = reserved;
  messages.reserve(missing.size());
  for (const KernelPolicy* policy : missing) {
    messages.push_back(UpdatePolicyMessage(*policy, reserved + static_cast<std::uint32_t>(messages.size())));
  }
  return Transact(std::move(messages), reserved, 0);
}

absl::Status XfrmKernel::Delete(const std::vector<KernelPolicy>& policies) {
  std::vector<KernelPolicy> found;
  for (const KernelPolicy& policy : policies) {
    ASSIGN_OR_RETURN(const std::optional<KernelPolicy> there, Find(policy.selector));
    if (there && there->plain && there->priority == policy.priority) found.push_back(*there);
  }
  const std::uint32_t first = sequence_ + 1;
  std::vector<Message> messages;
  messages.reserve(found.size());
  for (const KernelPolicy& policy : found) {
    messages.push_back(DeletePolicyMessage(policy.selector.direction, policy.index,
                                           first + static_cast<std::uint32_t>(messages.size())));
  }
  return Transact(std::move(messages), first, ENOENT);
}

absl::Status XfrmKernel::Transact(std::vector<Message> messages, std::uint32_t first_sequence, int tolerated) {
  int first_error = 0;
  sequence_ = first_sequence + static_cast<std::uint32_t>(messages.size());  // Also when an answer is late.
  for (Message& message : messages) SetSender(requests_.port(), &message);
  for (std::size_t begin = 0; begin < messages.size(); begin += kPoliciesADatagram) {
    const std::size_t end = std::min(messages.size(), begin + kPoliciesADatagram);
    Message datagram;
    for (std::size_t i = begin; i < end; ++i) datagram.insert(datagram.end(), messages[i].begin(), messages[i].end());
    RETURN_IF_ERROR(requests_.Send(datagram));
    std::size_t answered = begin;
    while (answered < end) {
      const auto read = [&](std::span<const std::uint8_t> data) {
        ForEachMessage(data, [&](const MessageView& message) {
          const std::uint32_t offset = message.sequence - first_sequence;
          const auto error = ParseError(message);
          if (offset < begin || offset >= end || !error) return;
          ++answered;
          if (*error != 0 && *error != tolerated && first_error == 0) first_error = *error;
        });
      };
      ASSIGN_OR_RETURN(const auto received, requests_.Receive(read));
      if (received == NetlinkSocket::Received::kLost) return absl::InternalError("an acknowledgement was lost");
    }
  }
  return first_error == 0 ? absl::OkStatus() : KernelError(first_error, "the kernel refused a change of IPsec");
}

absl::Status XfrmKernel::InstallBelt() { return common::WithContext(Put(BeltPolicies(ports_)), "second belt"); }

absl::Status XfrmKernel::SetPin(const core::Pin& pin) {
  RETURN_IF_ERROR(CheckPair(pin.local, pin.peer));
  RETURN_IF_ERROR(CheckPair(pin.local_end, pin.peer_end));
  if (pin.reqid <= 0 || pin.spi_out == 0U)
    return absl::InvalidArgumentError("a pin needs a reqid, and an SPI that is not 0");
  if (pin.transport_mode && (pin.local != pin.local_end || pin.peer != pin.peer_end)) {
    return absl::InvalidArgumentError("in transport mode the ends of the SA are the addresses of the traffic");
  }
  return common::WithContext(Put(PoliciesOf(pin, ports_)), common::StrCat("pin of ", PairText(pin.local, pin.peer)));
}

absl::Status XfrmKernel::RemovePin(const common::IpAddress& local, const common::IpAddress& peer) {
  RETURN_IF_ERROR(CheckPair(local, peer));
  core::Pin pin;
  pin.local = pin.local_end = local;
  pin.peer = pin.peer_end = peer;
  return common::WithContext(Delete(PoliciesOf(pin, ports_)),
                             common::StrCat("removing the pin of ", PairText(local, peer)));
}

absl::Status XfrmKernel::SetTunnelPin(const core::TunnelPin& pin) {
  RETURN_IF_ERROR(CheckPair(pin.local, pin.network.network()));
  RETURN_IF_ERROR(CheckPair(pin.local_end, pin.peer_end));
  if (pin.reqid <= 0 || pin.spi_out == 0U) {
    return absl::InvalidArgumentError("a tunnel's pin needs a reqid, and an SPI that is not 0");
  }
  const std::vector<KernelPolicy> policies = PoliciesOf(pin);
  if (policies.empty() || pin.network.Contains(pin.local)) {
    return absl::InvalidArgumentError("a tunnel's pin needs a network of several addresses, ours not among them");
  }
  return common::WithContext(Put(policies), common::StrCat("pin of the tunnel to ", pin.network.ToString()));
}

absl::Status XfrmKernel::RemoveTunnelPin(const common::IpAddress& local, const common::Cidr& network) {
  RETURN_IF_ERROR(CheckPair(local, network.network()));
  core::TunnelPin pin;
  pin.local = local;
  pin.network = network;
  return common::WithContext(Delete(PoliciesOf(pin)),
                             common::StrCat("removing the pin of the tunnel to ", network.ToString()));
}

absl::Status XfrmKernel::AllowClear(const core::ClearPair& pair) {
  RETURN_IF_ERROR(CheckPair(pair.local, pair.peer));
  return common::WithContext(Put(PoliciesOf(pair, ports_)),
                             common::StrCat("exception of ", PairText(pair.local, pair.peer)));
}

absl::Status XfrmKernel::ForbidClear(const core::ClearPair& pair) {
  RETURN_IF_ERROR(CheckPair(pair.local, pair.peer));
  return common::WithContext(Delete(PoliciesOf(pair, ports_)),
                             common::StrCat("ending the exception of ", PairText(pair.local, pair.peer)));
}

absl::Status XfrmKernel::DeleteSa(const core::SaInfo& sa) {
  const std::uint32_t sequence = ++sequence_;
  const std::string spi =
      common::StrCat("SA 0x", absl::Hex(sa.spi, absl::kZeroPad8), " to ", sa.destination.ToString());
  return common::WithContext(Transact({DeleteSaMessage(sa, sequence)}, sequence, ESRCH), spi);
}

std::vector<core::SaEvent> XfrmKernel::ReadEvents() {
  std::vector<core::SaEvent> events;
  const core::SaEvent lost{core::SaEvent::Kind::kLost, 0, 0};
  for (int i = 0; i < kDatagramsARead; ++i) {
    const auto received = events_.Receive([&](std::span<const std::uint8_t> data) {
      ForEachMessage(data, [&](const MessageView& message) {
        if (auto event = ParseEvent(message, requests_.port())) events.push_back(*event);
      });
    });
    if (!received.ok() || *received == NetlinkSocket::Received::kLost) events.push_back(lost);
    if (!received.ok() || *received == NetlinkSocket::Received::kNothing) break;
  }
  return events;
}

}  // namespace henb::x2sec::xfrm
