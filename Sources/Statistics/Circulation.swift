/// Greatest flows through a network of counts that may grow freely and shrink by so much.
struct Circulation {
    /// An entry whose count can grow without end and shrink by `count`.
    struct Arc {
        let start: Int
        let end: Int
        var count: Int
    }

    static let unlimited = Int.max

    private var arcs: [Arc]
    /// The indexes of the arcs that touch each node.
    private let arcsOfNode: [[Int]]

    /// A network whose nodes are the numbers below `nodes`.
    init(nodes: Int, arcs: [Arc]) {
        self.arcs = arcs
        var touching = [[Int]](repeating: [], count: nodes)
        for (index, arc) in arcs.enumerated() {
            touching[arc.start].append(index)
            touching[arc.end].append(index)
        }
        arcsOfNode = touching
    }

    /// How much more can flow from `start` to `end`, by shortest paths, `limit` at most; the limit
    /// also where a path exists on which every entry grows.
    func greatestFlow(from start: Int, to end: Int, limit: Int) -> Int {
        var residual = self
        var total = 0
        while total < limit, let path = residual.path(from: start, to: end) {
            let shrinking = path.filter { $0.direction == .shrinks }
                .map { residual.arcs[$0.arc].count }
            guard let least = shrinking.min() else { return limit }
            let amount = min(least, limit - total)
            for step in path {
                residual.arcs[step.arc].count += step.direction == .grows ? amount : -amount
            }
            total += amount
        }
        return total
    }

    private enum Direction {
        case grows
        case shrinks
    }

    private struct Step {
        let arc: Int
        let direction: Direction
        let from: Int
    }

    private func path(from start: Int, to end: Int) -> [Step]? {
        var steps = [Step?](repeating: nil, count: arcsOfNode.count)
        var queue = [start]
        var next = 0
        while next < queue.count, queue[next] != end {
            let node = queue[next]
            next += 1
            for index in arcsOfNode[node] {
                let arc = arcs[index]
                let step: (node: Int, direction: Direction)
                if arc.start == node {
                    step = (arc.end, .grows)
                } else if arc.count > 0 {
                    step = (arc.start, .shrinks)
                } else {
                    continue
                }
                guard step.node != start, steps[step.node] == nil else { continue }
                steps[step.node] = Step(arc: index, direction: step.direction, from: node)
                queue.append(step.node)
            }
        }
        guard steps[end] != nil else { return nil }
        var path: [Step] = []
        var node = end
        while node != start, let step = steps[node] {
            path.append(step)
            node = step.from
        }
        return path
    }
}
