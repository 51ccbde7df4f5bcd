/// What a JSON Merge Patch (RFC 7396) makes of a value, as bytes.
///
/// Members that the patch does not name keep their bytes and their order; new ones stand behind
/// them. A patch that is no object takes the value's place.
/// - Parameters:
///   - value: What is changed; nil where nothing stands yet.
///   - patch: What changes it; its members that are null go away.
/// - Returns: JSON text. O(n·m) in the members of the value and of the patch.
package func mergePatch(_ value: JSONValue?, with patch: JSONValue) -> [UInt8] {
    guard let patch = patch.object else { return Array(patch.bytes) }
    var changes: [(name: String, value: JSONValue)] = []
    patch.forEachMember { name, value in changes.append((name, value)) }

    var merged = [UInt8(ascii: "{")]
    func add(_ name: String, _ value: some Sequence<UInt8>) {
        if merged.count > 1 { merged.append(UInt8(ascii: ",")) }
        appendJSONString(name, to: &merged)
        merged.append(UInt8(ascii: ":"))
        merged += value
    }
    // Compared as bytes: String equality would unite canonically equivalent spellings.
    func isSame(_ left: String, _ right: String) -> Bool { left.utf8.elementsEqual(right.utf8) }

    var done: [Int] = []
    value?.object?.forEachMember { name, old in
        guard let place = changes.lastIndex(where: { isSame($0.name, name) }) else {
            return add(name, old.bytes)
        }
        done.append(place)
        if changes[place].value.kind != .null {
            add(name, mergePatch(old, with: changes[place].value))
        }
    }
    for (place, change) in changes.enumerated()
    where !done.contains(place) && change.value.kind != .null {
        add(change.name, mergePatch(nil, with: change.value))
    }
    merged.append(UInt8(ascii: "}"))
    return merged
}
