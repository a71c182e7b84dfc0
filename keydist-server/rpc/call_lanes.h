// Threads that take unary calls, each with a completion queue of its own.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace grpc {
class ServerBuilder;
}

namespace henb::keydist::rpc {

class CallLane;

/// Something under way on a lane: a call, from its being waited for to its end. Made before or on the lane's thread and
/// deleted there.
class LaneTask {
 public:
  explicit LaneTask(CallLane& lane);
  virtual ~LaneTask();
  LaneTask(const LaneTask&) = delete;
  LaneTask& operator=(const LaneTask&) = delete;
  /// What the task's tag stood for has happened (`ok` as gRPC says), or it was rung for. The lane's thread. May delete
  /// the task.
  virtual void Proceed(bool ok) = 0;
  /// For gRPC's operations.
  [[nodiscard]] void* tag() { return static_cast<LaneTask*>(this); }

 protected:
  CallLane& lane_;
};

/// One thread and its queue. gRPC's callback API would have its polling threads wake each other for every call that
/// another thread (the audit log's) lets go; here those that became ready together are ended together, by the thread
/// that also takes what this brings about.
class CallLane {
 public:
  explicit CallLane(std::unique_ptr<grpc::ServerCompletionQueue> queue) : queue_(std::move(queue)) {}
  /// Shuts the queue down and waits for the thread.
  ~CallLane();
  CallLane(const CallLane&) = delete;
  CallLane& operator=(const CallLane&) = delete;

  [[nodiscard]] grpc::ServerCompletionQueue* queue() { return queue_.get(); }
  void Start();
  /// Has the lane's thread call `task->Proceed(true)`, at once when this is it. Any thread.
  void Ring(LaneTask* task);
  /// Returns when no task is left. Only after the server's Shutdown, which ends what waits for calls.
  void AwaitEnd();

 private:
  friend class LaneTask;
  void Run();
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::atomic<int> tasks_{0};
  std::mutex mutex_;
  std::vector<LaneTask*> rung_;
  std::vector<LaneTask*> ringing_;  ///< The thread's own.
  grpc::Alarm bell_;                ///< Set while rung_ is not empty; its tag is the lane.
  std::thread thread_;
};

}  // namespace henb::keydist::rpc
