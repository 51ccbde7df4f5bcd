/// Greatest flows through a network of counts that may grow freely and shrink to zero.
enum Circulation {
    /// An entry whose count can grow without end and shrink by what it holds.
    struct Arc {
        let start: Int
        let end: Int
        var count: Int
    }

    static let unlimited = Int.max

    /// How much more can flow from `start` to `end`, by shortest paths; ``unlimited`` where a path
    /// exists on which every entry grows.
    static func greatestFlow(from start: Int, to end: Int, arcs: [Arc], limit: Int) -> Int {
        var arcs = arcs
        var total = 0
        while total < limit, let path = path(from: start, to: end, arcs: arcs) {
            let shrinking = path.filter { $0.direction == .shrinks }.map { arcs[$0.arc].count }
            guard let least = shrinking.min() else { return limit }
            let amount = min(least, limit - total)
            for step in path {
                arcs[step.arc].count += step.direction == .grows ? amount : -amount
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

    private static func path(from start: Int, to end: Int, arcs: [Arc]) -> [Step]? {
        var steps: [Int: Step] = [:]
        var queue = [start]
        var next = 0
        while next < queue.count, queue[next] != end {
            let node = queue[next]
            next += 1
            for (index, arc) in arcs.enumerated() {
                let step: (node: Int, direction: Direction)
                if arc.start == node {
                    step = (arc.end, .grows)
                } else if arc.end == node, arc.count > 0 {
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
        while let step = steps[node], node != start {
            path.append(step)
            node = step.from
        }
        return path
    }
}
