public import LinuxSystem

/// Why a container could not be made: the step, the kernel's reason, and what to do about it where that is known.
public typealias ContainerError = StepError
