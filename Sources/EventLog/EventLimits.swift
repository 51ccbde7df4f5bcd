/// What one event may hold; part of format version 1.
package enum EventLimits {
    package static let typeBytesMax = 128
    package static let streamBytesMax = 256
    package static let sourceBytesMax = 256
    package static let tagBytesMax = 128
    package static let tagsMax = 32
    package static let attributeNameBytesMax = 64
    package static let attributesMax = 16
    package static let attributesBytesMax = 4_096
    package static let dataBytesMax = 1_048_576
    /// A tile bundle writes a leaf's length as 16 bits.
    package static let leafBytesMax = 65_535
}
