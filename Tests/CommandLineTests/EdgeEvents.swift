/// Events at the edges of what the format allows, as CloudEvents on lines.
enum EdgeEvents {
    /// The lines, with identifiers that no other `series` has.
    static func lines(series: Int) -> [String] {
        var lines: [String] = []
        for (index, members) in members.enumerated() {
            lines.append(
                #"{"specversion":"1.0","id":"\#(identifier(series: series, index: index))","#
                    + #""source":"urn:test:edges",\#(members)}"#)
        }
        return lines
    }

    static func identifier(series: Int, index: Int) -> String {
        let number = String(index + 1)
        return "0190\(series)a5d-ac96-774b-bcce-"
            + String(repeating: "0", count: 12 - number.count) + number
    }

    private static let wide = String(repeating: "è ≠ 𝄞 ", count: 2_000)

    private static let members = [
        #""type":"edge.binary","subject":"edge/1","data_base64":"AAECA/8K""#,
        #""type":"edge.absent","subject":"edge/1""#,
        #""type":"edge.empty","subject":"edge/1","data_base64":"""#,
        #""type":"edge.null","subject":"edge/1","data":null"#,
        #""type":"edge.null","subject":"edge/1","data":"null""#,
        #""type":"edge.large","subject":"edge/2","data":{"text":"\#(wide)"}"#,
        #""type":"edge.large","subject":"edge/2","data_base64":"\#(base64)""#,
        #""type":"edge.quotes \" \\ / é 漢字 𝄞","subject":"edge/\" \\","data":{}"#,
        #""type":"edge.spaces","subject":"e dge","data":{ "a" : [ 1 , 2.50e+1 , "\u00e9\/" ] }"#,
        #""type":"edge.unicode","subject":"é","data":"\ud834\udd1e \u0000 \u2028""#,
        #""type":"edge.unicode","subject":"é","data":1"#,
        #""type":"edge.untimed","subject":"edge/3","data":true"#,
        #""type":"edge.timed","subject":"edge/3","time":"2026-11-23T09:30:00.5+01:00","data":[]"#,
        #""type":"edge.timed","subject":"edge/3","time":"1969-12-31T23:59:59.999999Z","data":[]"#,
        #""type":"edge.timed","subject":"edge/3","time":"2026-11-23T09:30:00.1234567Z""#,
        #""type":"edge.schema","subject":"edge/3","schema":65535,"data":-0.0"#,
        #""type":"edge.schema","subject":"edge/3","schema":1,"data":{"":{"":[[]]}}"#,
        #""type":"edge.tags","subject":"edge/4","tags":"z:1 a:b:c é:%20 k:\"","data":{}"#,
        #""type":"edge.caused","subject":"edge/4","#
            + #""causationid":"01890A5D-AC96-774B-BCCE-B302099A8057","data":{}"#,
        #""type":"edge.caused","subject":"edge/4","#
            + #""correlationid":"01890a5d-ac96-774b-bcce-b302099a8057","data":{}"#,
        #""type":"edge.attributes","subject":"edge/4","zeta":"é \" \\ /","alpha":true,"#
            + #""beta":-2147483648,"dataschema":"urn:x","traceparent":"00-ab-cd-01","data":{}"#,
        #""type":"edge.text","subject":"edge/4","datacontenttype":"text/plain","#
            + #""data_base64":"w6g=""#,
    ]

    /// 30,000 bytes that are no text.
    private static let base64 = String(repeating: "/wCA", count: 10_000)
}
