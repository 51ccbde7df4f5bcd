internal import Foundation
internal import Merkle

func contents(of path: String) throws(Refusal) -> [UInt8] {
    do {
        return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    } catch {
        throw .unreadable(path: path, error.localizedDescription)
    }
}

/// A tile directory on disk.
struct TileFolder: TileFiles {
    let path: String

    func bytes(of name: String) throws(Refusal) -> [UInt8]? {
        guard let file = FileHandle(forReadingAtPath: path + "/" + name) else { return nil }
        do {
            // One byte more than any such file has shows that it is none.
            return Array(try file.read(upToCount: Bundle.bytesMax + 1) ?? Data())
        } catch {
            throw .unreadable(path: name, error.localizedDescription)
        }
    }

    func paths() throws(Refusal) -> [String] {
        let folder = URL(fileURLWithPath: path + "/tile")
        guard let below = FileManager.default.subpaths(atPath: folder.path) else {
            throw .unreadable(path: folder.path, "there is no directory")
        }
        return below.map { "tile/" + $0 }.filter { name in
            let kind = try? FileManager.default.attributesOfItem(atPath: path + "/" + name)[.type]
            return kind as? FileAttributeType != .typeDirectory
        }
    }
}

/// An export that is read once, from a file or from standard input.
struct ExportFile: ExportBytes {
    private let handle: FileHandle
    private let path: String

    init(_ path: String) throws(Refusal) {
        self.path = path
        guard path != "-" else {
            handle = .standardInput
            return
        }
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw .unreadable(path: path, "it cannot be opened")
        }
        self.handle = handle
    }

    mutating func next(upTo count: Int) throws -> [UInt8] {
        do {
            return Array(try handle.read(upToCount: count) ?? Data())
        } catch {
            throw Refusal.unreadable(path: path, error.localizedDescription)
        }
    }
}
