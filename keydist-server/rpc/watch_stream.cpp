#include "keydist-server/rpc/watch_stream.h"

#include <grpcpp/server_context.h>

#include <algorithm>

namespace henb::keydist::rpc {
namespace {

using Kind = service::WatchEvent::Kind;

void ToWire(const service::WatchEvent& event, v1::Event* out) {
  out->Clear();
  out->set_revision(event.revision);
  switch (event.kind) {
    case Kind::kEpochReady:
      out->mutable_epoch_ready()->set_epoch(event.epoch);
      break;
    case Kind::kPairChanged:
      out->mutable_pair_changed()->set_peer(event.peer.str());
      break;
    case Kind::kPeerSuspended:
      out->mutable_peer_suspended()->set_peer(event.peer.str());
      break;
    case Kind::kSelfSuspended:
      out->mutable_self_suspended();
      break;
    case Kind::kResyncRequired:
      out->mutable_resync_required();
      break;
  }
}

}  // namespace

void WatchStreams::Close(common::Random& random) {
  const std::lock_guard lock(mutex_);
  closed_by_ = &random;
  spread_ = std::max(kAtLeast, kForEach * open_.size());
  for (WatchStream* stream : open_) SendAway(stream);
}

void WatchStreams::SendAway(WatchStream* stream) {
  stream->EndFor(closed_by_->Jitter(spread_ / 2, 1.0), {grpc::StatusCode::UNAVAILABLE, "the service is draining"});
}

void WatchStream::Start(const common::HenbId& who, std::uint64_t after_revision) {
  StartSendInitialMetadata();
  hub_.Subscribe(who, after_revision, this);
  const std::lock_guard lock(streams_.mutex_);
  streams_.open_.insert(this);
  if (streams_.closed_by_ != nullptr) streams_.SendAway(this);
}

void WatchStream::Deliver(const service::WatchEvent& event) {
  const std::lock_guard lock(mutex_);
  if (ended_) return;
  if (queue_.size() >= kMaxQueued && event.kind != Kind::kSelfSuspended) {
    streams_.overflows_.fetch_add(1, std::memory_order_relaxed);
    queue_.clear();
    queue_.push_back({.kind = Kind::kResyncRequired, .revision = event.revision, .epoch = 0, .peer = {}});
  } else {
    queue_.push_back(event);
  }
  if (!busy_) WriteNext();
}

void WatchStream::WriteNext() {
  const service::WatchEvent event = std::move(queue_.front());
  queue_.pop_front();
  last_ = event.kind == Kind::kSelfSuspended;
  ToWire(event, &writing_);
  busy_ = true;
  StartWrite(&writing_);
}

void WatchStream::OnWriteDone(bool ok) {
  bool end = false;
  {
    const std::lock_guard lock(mutex_);
    busy_ = false;
    end = !ok || last_;
    if (!end && !ended_ && !queue_.empty()) WriteNext();
  }
  if (!end) return;
  End(ok ? grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "this HeNB is suspended") : grpc::Status::CANCELLED);
}

void WatchStream::EndFor(absl::Duration time, const grpc::Status& status) {
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    ended_ = true;
    context_->AddTrailingMetadata("grpc-retry-pushback-ms", std::to_string(absl::ToInt64Milliseconds(time)));
  }
  Finish(status);
}

void WatchStream::End(const grpc::Status& status) {
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    ended_ = true;
  }
  Finish(status);
}

void WatchStream::OnDone() {
  hub_.Unsubscribe(this);
  {
    const std::lock_guard lock(streams_.mutex_);
    streams_.open_.erase(this);
  }
  delete this;
}

}  // namespace henb::keydist::rpc
