import JSON
import Testing

@Suite("A merge patch does what RFC 7396 says")
struct MergePatchTests {
    /// Appendix A of RFC 7396: what is changed, the patch, the result.
    @Test(arguments: [
        (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
        (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
        (#"{"a":"b"}"#, #"{"a":null}"#, #"{}"#),
        (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#),
        (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
        (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#),
        (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
        (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#),
        (#"["a","b"]"#, #"["c","d"]"#, #"["c","d"]"#),
        (#"{"a":"b"}"#, #"["c"]"#, #"["c"]"#),
        (#"{"a":"foo"}"#, #"null"#, #"null"#),
        (#"{"a":"foo"}"#, #""bar""#, #""bar""#),
        (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#),
        (#"[1,2]"#, #"{"a":"b","c":null}"#, #"{"a":"b"}"#),
        (#"{}"#, #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
    ])
    func vectors(value: String, patch: String, result: String) throws {
        #expect(try merge(value, patch) == result)
    }

    /// What a patch does not name keeps its bytes, also numbers of more digits than anybody counts.
    @Test func theRestKeepsItsBytes() throws {
        let long = "0.10000000000000000000000000000000001"
        #expect(
            try merge(#"{"n": \#(long), "\u0061":[ 1 ]}"#, #"{"b":2}"#)
                == #"{"n":\#(long),"a":[ 1 ],"b":2}"#)
        #expect(try merge(#"{"\u0061":1}"#, #"{"a":null}"#) == "{}")
        // One text in two normalisations is two names.
        #expect(try merge("{\"\u{E9}\":1}", "{\"e\u{301}\":2}") == "{\"\u{E9}\":1,\"e\u{301}\":2}")
    }

    private func merge(_ value: String, _ patch: String) throws -> String {
        let (value, patch) = (Array(value.utf8), Array(patch.utf8))
        try checkJSON(value[...])
        try checkJSON(patch[...])
        let change = try #require(JSONValue(checked: patch[...]))
        return String(
            decoding: mergePatch(JSONValue(checked: value[...]), with: change), as: UTF8.self)
    }
}
