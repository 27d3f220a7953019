extension ContainerPlan {
  /// A network namespace with the loopback interface up, before /sys is mounted, which shows the network of its mounter.
  /// The host's /proc is still there then, and through it ping is opened to every group (icmp(7)).
  mutating func addNetwork(_ spec: ContainerSpec, _ prepared: Prepared) {
    if spec.hostNetwork { return }
    if let network = prepared.network {
      add("enter network namespace", .enter(.descriptor(network), Namespace.network))
    } else {
      namespaces |= Namespace.network
      add("bring up loopback", .loopbackUp)
    }
  }

  /// In its own groups of every hierarchy first: the root of a cgroup namespace is the groups that its maker is in
  /// (cgroup_namespaces(7)). A hierarchy in which the child were still in the host's groups would show those.
  mutating func addCgroups(_ prepared: Prepared) {
    for tasks in prepared.legacyTasks {
      add("join cgroup \(tasks.hierarchy)", .write("0", to: .descriptor(tasks.fd)))
    }
    add("make cgroup namespace", .unshare(Namespace.cgroup))
  }
}
