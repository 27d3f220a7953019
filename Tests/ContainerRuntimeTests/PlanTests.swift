import Testing

@testable import ContainerRuntime

struct ContainerPlanTests {
  private func spec(_ change: (inout ContainerSpec) -> Void = { _ in }) -> ContainerSpec {
    var spec = ContainerSpec(rootPath: "/srv/tree", command: ["/sbin/init"], hostname: "web", capabilities: 1 << 22)
    change(&spec)
    return spec
  }

  private func index(_ name: String, in plan: ContainerPlan) throws -> Int {
    try #require(plan.steps.firstIndex { $0.name == name }, "no step \(name)")
  }

  /// The rules that make a plan safe, whatever is asked for.
  @Test(
    arguments: [ContainerSpec.RootMode.direct, .readOnly, .overlay(bytes: nil)],
    [ContainerSpec.Console.terminal, .pipes])
  func orderOfSteps(mode: ContainerSpec.RootMode, console: ContainerSpec.Console) throws {
    let plan = ContainerPlan(
      spec {
        $0.rootMode = mode
        $0.console = console
        $0.mounts = [.bind(source: "/a", target: "/data", readOnly: true)]
      },
      .init(
        root: 5, legacyTasks: [.init(hierarchy: "memory", fd: 6)], binds: [.init(fd: 7, isFolder: true)],
        streams: console == .pipes ? .init(output: 8, error: 9) : nil))
    let pivot = try #require(plan.steps.firstIndex { if case .pivot = $0.action { true } else { false } })
    // Tied to the controller before anything else, and again after the user change that undoes it.
    #expect(plan.steps.first?.action == .guardParent)
    let becomeUser = try index("become user", in: plan)
    #expect(plan.steps[becomeUser...].contains { $0.action == .guardParent })
    // In its cgroups before it makes the namespace whose root they are.
    #expect(try index("join cgroup memory", in: plan) < index("make cgroup namespace", in: plan))
    // No mount before mounts are private; nothing of the tree is looked up before it is the root.
    let firstMount = try #require(
      plan.steps.firstIndex { if case .attach = $0.action { true } else { false } })
    #expect(try index("make mounts private", in: plan) < firstMount)
    for (index, step) in plan.steps.enumerated() {
      if case .attach(_, .root, let path, let flags, _) = step.action, index < pivot {
        #expect(path == "/proc" && flags == [], "\(step.name) looks up in the tree before the pivot")
      }
    }
    // The host's protection comes before the spec's mounts.
    #expect(try index("cover entries of /proc", in: plan) < index("mount /data", in: plan))
    // Groups before the user, the bounding set before the right to change it goes, capabilities last.
    #expect(try index("set groups", in: plan) < becomeUser)
    #expect(try index("drop capabilities", in: plan) < becomeUser)
    #expect(try becomeUser < index("set capabilities", in: plan))
    #expect(try index("forbid new privileges", in: plan) < index("install system call filter", in: plan))
    // The user is looked up behind the mounts, and before anything needs it.
    #expect(try index("mount /data", in: plan) < index("show root filesystem", in: plan))
    #expect(try index("look up user 0", in: plan) < index("change to folder /", in: plan))
    // Rights are read back when nothing changes them any more.
    let verify = try index("verify rights", in: plan)
    for change in ["install system call filter", "drop capabilities", "set groups", "become user", "set capabilities"] {
      #expect(try index(change, in: plan) < verify)
    }
    // Init is looked up with the rights that it is executed with.
    #expect(try verify < index("look up init /sbin/init", in: plan))
    // Descriptors last: nothing is opened after.
    #expect(plan.steps.last?.action == .closeOnExecute)
  }

  @Test func everyMountButThoseOfDevicesIsWithoutDevices() {
    let plan = ContainerPlan(
      spec {
        $0.rootMode = .overlay(bytes: 1 << 20)
        $0.mounts = [.tmpfs(target: "/t", .init(bytes: 4096), readOnly: false)]
      }, .init(root: 5))
    for step in plan.steps {
      guard case .createMount(let type, _, let attributes, let slot) = step.action, type != "devpts" else { continue }
      // The one that the guest's devices are files of; it is attached only where the pivot leaves it behind.
      if slot == .nodes { continue }
      #expect(attributes.contains(.noDevices), "\(step.name)")
    }
    let attached = plan.steps.indices.filter {
      if case .attach(.slot(.nodes), _, _, _, _) = plan.steps[$0].action { true } else { false }
    }
    let pivot = plan.steps.firstIndex { if case .pivot = $0.action { true } else { false } }
    #expect(attached.count == 1 && attached[0] < pivot ?? 0)
  }

  /// A host object in a guest by reference is one whose mode, owner and times the guest can change.
  @Test func nothingOfTheHostIsBoundButWhatTheSpecNames() {
    for console in [ContainerSpec.Console.terminal, .pipes] {
      let plan = ContainerPlan(spec { $0.console = console }, .init(root: 5))
      for step in plan.steps {
        if case .cloneMount(_, let place, _, _) = step.action { #expect(place == .slot(.nodes), "\(step.name)") }
        if case .standardStream(_, let source) = step.action { Issue.record("\(step.name): \(source)") }
      }
    }
  }

  /// Copies of its entries take over that it is read-only; only the step that makes them lifts that from the mount itself.
  @Test func procIsReadOnlyUntilItsEntriesAreCovered() throws {
    let plan = ContainerPlan(spec(), .init(root: 5))
    let mount = try #require(
      plan.steps.firstIndex {
        if case .createMount("proc", _, let attributes, .proc) = $0.action {
          attributes.contains(.readOnly)
        } else {
          false
        }
      })
    let covers = plan.steps.indices.filter {
      if case .coverEntries(.slot(.proc), _, .slot(.emptyFile), .emptyFolder) = plan.steps[$0].action {
        true
      } else {
        false
      }
    }
    #expect(covers.count == 1 && mount < covers[0])
    for maker in ["make empty file", "take empty file", "mount empty folder", "attach /proc"] {
      #expect(try index(maker, in: plan) < covers[0])
    }
  }

  @Test func terminalsAreBounded() {
    let plan = ContainerPlan(spec(), .init(root: 5))
    let options = plan.steps.compactMap { step -> [SetupStep.Option]? in
      if case .createMount("devpts", let options, _, _) = step.action { options } else { nil }
    }
    #expect(options.count == 1 && options[0].contains(.init("max", "128")))
  }

  /// A child inherits nothing that was not decided.
  @Test func everyResourceLimitIsDecided() {
    let plan = ContainerPlan(spec { $0.rlimits = [.init(resource: 7, soft: 2000, hard: 3000)] }, .init(root: 5))
    var seen: [UInt32: SetupStep.LimitMode] = [:]
    for step in plan.steps {
      guard case .limit(let resource, let soft, let hard, let mode) = step.action else { continue }
      #expect(seen.updateValue(mode, forKey: resource) == nil)
      #expect(soft <= hard)
      if resource == 7 { #expect(soft == 2000 && hard == 3000 && step.name == "set resource limit nofile") }
    }
    #expect(seen.keys.sorted() == Array(0...15))
    #expect(seen[7] == .exactly)
    #expect(seen[1] == .asFarAsAllowed)
    #expect(seen[11] == .asFarAsAllowed)
  }

  /// Queued signals and timers are counted by user, the host's root among them.
  @Test func signalsOfAGuestAreAPartOfTheHosts() {
    for hard: UInt64 in [100, 256, 3_800, 96_360, .max] {
      let share = ResourceLimits.pendingSignals(ofHard: hard)
      #expect(share <= hard && (hard < 2_048 || share <= hard / 8), "\(share) of \(hard)")
    }
    var ready = ContainerPlan.Prepared(root: 5)
    ready.pendingSignals = 77
    let usual = ContainerPlan(spec(), ready)
    #expect(usual.steps.contains { $0.action == .limit(11, soft: 77, hard: 77, .asFarAsAllowed) })
    let asked = ContainerPlan(spec { $0.rlimits = [.init(resource: 11, soft: 5, hard: 6)] }, ready)
    #expect(asked.steps.contains { $0.action == .limit(11, soft: 5, hard: 6, .exactly) })
  }

  /// The guest's limit is none of its set-up.
  @Test(arguments: [(0, 0), (3, 5), (10, 20), (1023, .max)] as [(UInt64, UInt64)])
  func aLowNumberOfDescriptorsIsSetOnceTheLastOneIsOpen(soft: UInt64, hard: UInt64) throws {
    let plan = ContainerPlan(spec { $0.rlimits = [.init(resource: 7, soft: soft, hard: hard)] }, .init(root: 5))
    let limits = plan.steps.indices.filter {
      if case .limit(7, _, _, _) = plan.steps[$0].action { true } else { false }
    }
    try #require(limits.count == 2)
    #expect(plan.steps[limits[1]].action == .limit(7, soft: soft, hard: hard, .exactly))
    #expect(try index("look up init /sbin/init", in: plan) < limits[1])
    guard case .limit(_, let room, let most, _) = plan.steps[limits[0]].action else { return }
    // Lowering is all that is left: it needs no right.
    #expect(room >= 64 && most >= hard)
  }

  @Test func namespacesFollowTheSpec() {
    let own = ContainerPlan(spec(), .init(root: 5))
    let host = ContainerPlan(spec { $0.hostNetwork = true }, .init(root: 5))
    #expect(own.namespaces == 0x4c02_0000)
    #expect(host.namespaces == 0x0c02_0000)
    #expect(own.steps.contains { $0.action == .loopbackUp })
    #expect(!host.steps.contains { $0.action == .loopbackUp })
    // Made beforehand it is entered, before the /sys that shows it is mounted; unless it was made in vain.
    var ready = ContainerPlan.Prepared(root: 5)
    ready.network = 9
    let entered = ContainerPlan(spec(), ready)
    #expect(entered.namespaces == 0x0c02_0000)
    #expect(!entered.steps.contains { $0.action == .loopbackUp })
    let isEntering = { (step: SetupStep) in step.action == .enter(.descriptor(9), 0x4000_0000) }
    #expect((entered.steps.firstIndex(where: isEntering) ?? .max) < 2)
    #expect(!ContainerPlan(spec { $0.hostNetwork = true }, ready).steps.contains(where: isEntering))
  }

  @Test func sizesGoIn() throws {
    let plan = ContainerPlan(
      spec {
        $0.rootMode = .overlay(bytes: 12345)
        $0.noNewPrivileges = false
        $0.environment = ["HOME=/x"]
      }, .init(root: 5, canTellReboot: false))
    let memory = try #require(plan.steps.first { $0.name == "mount overlay memory" })
    guard case .createMount(_, let options, _, _) = memory.action else { return }
    #expect(options.contains(.init("size", "12345")))
    #expect(plan.steps.contains { if case .filter(_, listen: false) = $0.action { true } else { false } })
    #expect(!plan.steps.contains { $0.action == .noNewPrivileges })
    #expect(plan.steps.contains { $0.action == .verify(capabilities: 1 << 22, ambient: 0, noNewPrivileges: false) })
    #expect(!plan.takesHome)
    #expect(ContainerPlan(spec(), .init(root: 5)).takesHome)
  }
}
