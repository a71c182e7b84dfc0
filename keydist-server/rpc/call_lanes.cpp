#include "keydist-server/rpc/call_lanes.h"

#include <grpc/support/time.h>

namespace henb::keydist::rpc {
namespace {

thread_local const CallLane* this_thread = nullptr;

}  // namespace

LaneTask::LaneTask(CallLane& lane) : lane_(lane) { lane_.tasks_.fetch_add(1, std::memory_order_relaxed); }

LaneTask::~LaneTask() {
  if (lane_.tasks_.fetch_sub(1, std::memory_order_acq_rel) == 1) lane_.tasks_.notify_all();
}

CallLane::~CallLane() {
  queue_->Shutdown();
  if (thread_.joinable()) {
    thread_.join();
  } else {
    Run();
  }
}

void CallLane::Start() {
  thread_ = std::thread([this] { Run(); });
}

void CallLane::Ring(LaneTask* task) {
  if (this_thread == this) return task->Proceed(true);
  // The bell is set with the lock, so that the thread, which takes it, cannot have ended before.
  const std::lock_guard lock(mutex_);
  rung_.push_back(task);
  if (rung_.size() == 1) bell_.Set(queue_.get(), gpr_inf_past(GPR_CLOCK_MONOTONIC), this);
}

void CallLane::AwaitEnd() {
  for (int left = tasks_.load(std::memory_order_acquire); left > 0; left = tasks_.load(std::memory_order_acquire)) {
    tasks_.wait(left);
  }
}

void CallLane::Run() {
  this_thread = this;
  void* tag = nullptr;
  for (bool ok = false; queue_->Next(&tag, &ok);) {
    if (tag != this) {
      static_cast<LaneTask*>(tag)->Proceed(ok);
      continue;
    }
    {
      const std::lock_guard lock(mutex_);
      ringing_.swap(rung_);
    }
    for (LaneTask* task : ringing_) task->Proceed(true);
    ringing_.clear();
  }
}

}  // namespace henb::keydist::rpc
