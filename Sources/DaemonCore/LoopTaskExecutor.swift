internal import NIOCore

/// Runs tasks on the event loop where an actor's isolation does not say otherwise. Without it a task that waited for a
/// continuation is resumed on a thread of the common pool first, and from there sent back to the loop: two wake-ups of a
/// thread for each wait (SE-0417).
final class LoopTaskExecutor: TaskExecutor {
  private let eventLoop: any EventLoop

  init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}
