import Testing

@testable import ContainerRuntime

struct ContainerPlanTests {
  let user = ResolvedUser(uid: 0, gid: 0, groups: [], home: "/root", terminalGroup: 5)

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
        root: 5, legacyTasks: [("memory", 6)], binds: [(7, true)], streams: console == .pipes ? (8, 9) : nil, null: 10,
        user: user))
    let pivot = try #require(plan.steps.firstIndex { if case .pivot = $0.action { true } else { false } })
    // Tied to the controller before anything else, and again after the user change that undoes it.
    #expect(plan.steps.first?.action == .guardParent)
    let becomeUser = try index("become user 0", in: plan)
    #expect(plan.steps[becomeUser...].contains { $0.action == .guardParent })
    // In its cgroups before it makes the namespace whose root they are.
    #expect(try index("join cgroup memory", in: plan) < index("make cgroup namespace", in: plan))
    // No mount before mounts are private; nothing of the tree is looked up before it is the root.
    let firstMount = try #require(
      plan.steps.firstIndex { if case .attach = $0.action { true } else { false } })
    #expect(try index("make mounts private", in: plan) < firstMount)
    for (index, step) in plan.steps.enumerated() {
      if case .attach(_, .root, let path, let flags) = step.action, index < pivot {
        #expect(path == "/proc" && flags == [], "\(step.name) looks up in the tree before the pivot")
      }
    }
    // What guards the host is there before what the spec asks for.
    #expect(try index("protect /proc/sysrq-trigger", in: plan) < index("mount /data", in: plan))
    // Groups before the user, the bounding set before the right to change it goes, capabilities last.
    #expect(try index("set groups", in: plan) < becomeUser)
    #expect(try index("drop capabilities", in: plan) < becomeUser)
    #expect(try becomeUser < index("set capabilities", in: plan))
    #expect(try index("forbid new privileges", in: plan) < index("install system call filter", in: plan))
    // Descriptors last: nothing is opened after.
    #expect(plan.steps.last?.action == .closeOnExecute)
  }

  @Test func everyMountButThoseOfDevicesIsWithoutDevices() {
    let plan = ContainerPlan(
      spec {
        $0.rootMode = .overlay(bytes: 1 << 20)
        $0.mounts = [.tmpfs(target: "/t", bytes: 4096, readOnly: false)]
      }, .init(root: 5, user: user))
    for step in plan.steps {
      guard case .createMount(let type, _, let attributes, _) = step.action, type != "devpts" else { continue }
      #expect(attributes.contains(.noDevices), "\(step.name)")
    }
  }

  @Test func namespacesFollowTheSpec() {
    let own = ContainerPlan(spec(), .init(root: 5, user: user))
    let host = ContainerPlan(spec { $0.hostNetwork = true }, .init(root: 5, user: user))
    #expect(own.namespaces == 0x4c02_0000)
    #expect(host.namespaces == 0x0c02_0000)
    #expect(own.steps.contains { $0.action == .loopbackUp })
    #expect(!host.steps.contains { $0.action == .loopbackUp })
    // Made beforehand it is entered, before the /sys that shows it is mounted; unless it was made in vain.
    var ready = ContainerPlan.Prepared(root: 5, user: user)
    ready.network = 9
    let entered = ContainerPlan(spec(), ready)
    #expect(entered.namespaces == 0x0c02_0000)
    #expect(!entered.steps.contains { $0.action == .loopbackUp })
    let isEntering = { (step: SetupStep) in step.action == .enter(.descriptor(9), 0x4000_0000) }
    #expect((entered.steps.firstIndex(where: isEntering) ?? .max) < 2)
    #expect(!ContainerPlan(spec { $0.hostNetwork = true }, ready).steps.contains(where: isEntering))
  }

  @Test func sizesAndUsersGoIn() throws {
    var web = user
    web.uid = 33
    web.gid = 44
    web.groups = [50]
    let plan = ContainerPlan(
      spec { $0.rootMode = .overlay(bytes: 12345) }, .init(root: 5, user: web, canTellReboot: false))
    let memory = try #require(plan.steps.first { $0.name == "mount overlay memory" })
    guard case .createMount(_, let options, _, _) = memory.action else { return }
    #expect(options.contains(.init("size", "12345")))
    #expect(plan.steps.contains { $0.action == .user(uid: 33, gid: 44) })
    #expect(plan.steps.contains { $0.action == .groups([50]) })
    #expect(plan.steps.contains { $0.action == .filter(tell: false) })
    #expect(!plan.steps.contains { if case .capabilities = $0.action { true } else { false } })
    #expect(plan.environment.contains("HOME=/root"))
  }
}
