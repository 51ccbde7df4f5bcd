/// SQL for the RFC 3339 text of a column of µs since 1970; null for null.
func rfc3339(column: String) -> String {
    let fraction = "((\(column) % 1000000 + 1000000) % 1000000)"
    let second = "(\(column) - \(fraction)) / 1000000"
    return "strftime('%Y-%m-%dT%H:%M:%S', \(second), 'unixepoch') || "
        + "CASE \(fraction) WHEN 0 THEN '' ELSE printf('.%06d', \(fraction)) END || 'Z'"
}
