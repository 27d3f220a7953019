internal import CContainerInit
import Glibc

/// A plan as the C child reads it: one block of memory that holds every string and array, made before the child is.
final class EncodedPlan {
  private var blocks: [UnsafeMutableRawPointer] = []
  private(set) var plan = ci_plan()

  init(_ plan: ContainerPlan, socket: Int32, controllerSocket: Int32, mark: ExecutionMark?) {
    let steps = allocate(ci_step.self, count: plan.steps.count)
    for (index, step) in plan.steps.enumerated() { steps[index] = encode(step.action) }
    self.plan.steps = UnsafePointer(steps)
    self.plan.step_count = plan.steps.count
    self.plan.path = UnsafePointer(text(plan.command[0]))
    // The interpreters of scripts come in front.
    self.plan.argv = texts(plan.command, front: Int(CI_ARGUMENTS_ROOM))
    let environment = texts(plan.environment, room: plan.takesHome ? 1 : 0)
    if plan.takesHome {
      // `HOME=` and room for the folder, which the child fills in once it knows it.
      let name = "HOME="
      let entry = allocate(CChar.self, count: name.utf8.count + Int(CI_HOME_SIZE))
      strcpy(entry, name)
      environment[plan.environment.count] = entry
      self.plan.home = entry + name.utf8.count
    }
    self.plan.envp = UnsafePointer(environment)
    self.plan.socket = socket
    self.plan.controller_socket = controllerSocket
    self.plan.mark = mark?.pointer
  }

  deinit { for block in blocks { free(block) } }

  private func allocate<T>(_ type: T.Type, count: Int) -> UnsafeMutablePointer<T> {
    let block = calloc(max(count, 1), MemoryLayout<T>.stride)!
    blocks.append(block)
    return block.bindMemory(to: T.self, capacity: max(count, 1))
  }

  private func text(_ string: String) -> UnsafeMutablePointer<CChar> {
    let copy = strdup(string)!
    blocks.append(copy)
    return copy
  }

  /// With free entries in front of what it returns, and behind.
  private func texts(
    _ strings: [String], front: Int = 0, room: Int = 0
  ) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> {
    let array = allocate(UnsafeMutablePointer<CChar>?.self, count: front + strings.count + room + 1) + front
    for (index, string) in strings.enumerated() { array[index] = text(string) }
    return array
  }

  private func number(_ operand: SetupStep.Operand) -> Int32 {
    switch operand {
    case .descriptor(let fd): fd
    case .slot(let slot): Int32(CI_SLOT_BASE) - slot.rawValue
    case .root: Int32(CI_AT_ROOT)
    }
  }

  private func setOptions(of step: inout ci_step, _ options: [SetupStep.Option]) {
    let array = allocate(ci_option.self, count: options.count)
    for (index, option) in options.enumerated() {
      array[index].key = UnsafePointer(text(option.key))
      array[index].value = option.value.map { UnsafePointer(text($0)) }
    }
    step.options = UnsafePointer(array)
    step.option_count = options.count
  }

  private func encode(_ action: SetupStep.Action) -> ci_step {
    var step = ci_step()
    step.fd = Int32(CI_NO_FD)
    step.at = Int32(CI_NO_FD)
    func operation(_ operation: ci_operation) { step.operation = Int32(operation.rawValue) }
    switch action {
    case .guardParent: operation(CI_GUARD)
    case .write(let value, let fd):
      operation(CI_WRITE)
      step.fd = number(fd)
      step.text = UnsafePointer(text(value))
    case .unshare(let namespaces):
      operation(CI_UNSHARE)
      step.a = namespaces
    case .enter(let namespace, let kind):
      operation(CI_ENTER)
      step.fd = number(namespace)
      step.a = kind
    case .privateMounts: operation(CI_PRIVATE)
    case .createMount(let type, let options, let attributes, let slot):
      operation(CI_CREATE_MOUNT)
      step.text = UnsafePointer(text(type))
      setOptions(of: &step, options)
      step.a = attributes.rawValue
      step.slot = slot.rawValue
    case .cloneMount(let path, let at, let attributes, let slot):
      operation(CI_CLONE_MOUNT)
      step.fd = number(at)
      step.text = UnsafePointer(text(path))
      step.a = attributes.rawValue
      step.slot = slot.rawValue
    case .attach(let mount, let at, let path, let flags, let attributes):
      operation(CI_ATTACH)
      step.fd = number(mount)
      step.at = number(at)
      step.text = UnsafePointer(text(path))
      step.a = flags.rawValue
      step.b = attributes.rawValue
    case .pivot(let root):
      operation(CI_PIVOT)
      step.fd = number(root)
    case .makeFolder(let name, let at, let mode):
      operation(CI_MAKE_FOLDER)
      step.at = number(at)
      step.text = UnsafePointer(text(name))
      step.a = mode
    case .makeFile(let name, let at):
      operation(CI_MAKE_FILE)
      step.at = number(at)
      step.text = UnsafePointer(text(name))
    case .makeDevice(let name, let at, let major, let minor):
      operation(CI_MAKE_DEVICE)
      step.at = number(at)
      step.text = UnsafePointer(text(name))
      step.a = major
      step.b = minor
    case .makeLink(let name, let at, let target):
      operation(CI_MAKE_LINK)
      step.at = number(at)
      step.text = UnsafePointer(text(name))
      step.value = UnsafePointer(text(target))
    case .mask(let name, let at, let cover):
      operation(CI_MASK)
      step.fd = number(cover)
      step.at = number(at)
      step.text = UnsafePointer(text(name))
    case .coverEntries(let proc, let hidden, let file, let folder):
      operation(CI_COVER)
      step.at = number(proc)
      step.fd = number(file)
      step.slot = folder.rawValue
      setOptions(of: &step, hidden.map { SetupStep.Option($0) })
    case .setHostname(let name):
      operation(CI_HOSTNAME)
      step.text = UnsafePointer(text(name))
    case .loopbackUp: operation(CI_LOOPBACK)
    case .newSession: operation(CI_SESSION)
    case .newKeyring: operation(CI_KEYRING)
    case .showRoot: operation(CI_SHOW_ROOT)
    case .hearUser: operation(CI_HEAR_USER)
    case .terminal(let devpts, let dev, let gid):
      operation(CI_TERMINAL)
      step.fd = number(devpts)
      step.at = number(dev)
      step.text = UnsafePointer(text("console"))
      step.b = UInt64(gid)
    case .standardStream(let target, let source):
      operation(CI_STDIO)
      step.fd = number(source)
      step.a = target
    case .openStream(let target, let name, let at):
      operation(CI_OPEN_STREAM)
      step.at = number(at)
      step.text = UnsafePointer(text(name))
      step.a = target
    case .limit(let resource, let soft, let hard, let mode):
      operation(CI_RLIMIT)
      step.slot =
        switch mode {
        case .exactly: Int32(CI_LIMIT_EXACTLY.rawValue)
        case .asFarAsAllowed: Int32(CI_LIMIT_AS_ALLOWED.rawValue)
        case .hardAsItIs: Int32(CI_LIMIT_KEEP_HARD.rawValue)
        }
      step.a = UInt64(resource)
      step.b = soft
      step.c = hard
    case .oomScore(let value):
      operation(CI_OOM_SCORE)
      step.text = UnsafePointer(text(value))
    case .changeFolder(let path):
      operation(CI_FOLDER)
      step.text = UnsafePointer(text(path))
    case .bounding(let set):
      operation(CI_BOUNDING)
      step.a = set
    case .noNewPrivileges: operation(CI_NO_NEW_PRIVS)
    case .filter(let instructions, let listen):
      operation(CI_FILTER)
      let array = allocate(UInt32.self, count: instructions.count)
      for (index, part) in instructions.enumerated() { array[index] = part }
      step.list = UnsafePointer(array)
      step.list_count = instructions.count
      step.a = listen ? 1 : 0
    case .groups: operation(CI_GROUPS)
    case .user(let kept):
      operation(CI_USER)
      step.a = kept
    case .capabilities(let set, let ambient):
      operation(CI_CAPABILITIES)
      step.a = set
      step.b = ambient
    case .verify(let set, let ambient, let noNewPrivileges):
      operation(CI_VERIFY)
      step.a = set
      step.b = noNewPrivileges ? 1 : 0
      step.c = ambient
    case .findInit: operation(CI_FIND_INIT)
    case .defaultSignals: operation(CI_SIGNALS)
    case .closeOnExecute: operation(CI_CLOSE)
    case .fail(let errno):
      operation(CI_FAIL)
      step.a = UInt64(errno)
    case .crashController: operation(CI_CRASH)
    case .pause: operation(CI_PAUSE)
    }
    return step
  }
}
