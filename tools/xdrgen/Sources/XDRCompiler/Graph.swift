/// Strongly connected components, without recursion: schemas can be deeper than a stack.
/// Components come out with everything they reach before them.
func stronglyConnectedComponents(_ edges: [[Int]]) -> [[Int]] {
  var index = [Int](repeating: -1, count: edges.count)
  var low = [Int](repeating: 0, count: edges.count)
  var onStack = [Bool](repeating: false, count: edges.count)
  var stack: [Int] = []
  var components: [[Int]] = []
  var counter = 0
  for root in edges.indices where index[root] < 0 {
    var work: [(node: Int, edge: Int)] = [(root, 0)]
    while let (node, edge) = work.last {
      if edge == 0, index[node] < 0 {
        index[node] = counter
        low[node] = counter
        counter += 1
        stack.append(node)
        onStack[node] = true
      }
      if edge < edges[node].count {
        work[work.count - 1].edge += 1
        let next = edges[node][edge]
        if index[next] < 0 {
          work.append((next, 0))
        } else if onStack[next] {
          low[node] = min(low[node], index[next])
        }
        continue
      }
      work.removeLast()
      if let parent = work.last?.node { low[parent] = min(low[parent], low[node]) }
      guard low[node] == index[node] else { continue }
      var component: [Int] = []
      while let top = stack.popLast() {
        onStack[top] = false
        component.append(top)
        if top == node { break }
      }
      components.append(component.sorted())
    }
  }
  return components
}
