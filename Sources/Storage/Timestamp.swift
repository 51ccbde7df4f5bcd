internal import COpenSSL
internal import Glibc

/// What a timestamping authority is asked: when these bytes, known by their SHA-256, were there.
///
/// The bytes are a TimeStampReq of RFC 3161, section 2.4.1, that asks for the certificates.
package struct TimestampRequest: Sendable {
    package let bytes: [UInt8]

    /// - Parameters:
    ///   - digest: SHA-256 of what is stamped, 32 bytes.
    ///   - nonce: What the answer must repeat, or nil where an answer of earlier is looked at. Of
    ///     its bits the topmost and those that would make it shorter than 8 bytes do not count.
    package init(digest: [UInt8], nonce: UInt64?) {
        precondition(digest.count == 32, "a SHA-256 has 32 bytes")
        let version: [UInt8] = [0x02, 0x01, 0x01]
        let sha256: [UInt8] = [
            0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
            0x00,
        ]
        let imprint = [0x30, 0x31] + sha256 + [0x04, 0x20] + digest
        var body = version + imprint
        if let nonce {
            // Positive, and without a leading zero byte: DER has one way to write a number.
            let positive = nonce & (.max >> 1)
            let number = positive >> 56 == 0 ? positive | 1 << 56 : positive
            body += [0x02, 0x08]
            body += (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
        }
        let wantsCertificates: [UInt8] = [0x01, 0x01, 0xff]
        body += wantsCertificates
        bytes = [0x30, UInt8(body.count)] + body
    }
}

/// Why an answer of a timestamping authority proves nothing.
package enum TimestampError: Error, Equatable, Sendable {
    /// The file holds no certificate in PEM.
    case noCertificates
    /// The certificate of this number in the file, from 1, is damaged.
    case badCertificate(Int, String)
    /// The bytes are no TimeStampResp, or one without a token.
    case notAResponse
    /// It was refused, is for something else, or is not signed by whom is trusted.
    case refused(String)
}

extension TimestampError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noCertificates: "there is no certificate in PEM"
        case .badCertificate(let number, let why): "certificate \(number) in it is damaged: \(why)"
        case .notAResponse: "the answer is no response of a timestamping authority (RFC 3161)"
        case .refused(let why): "the authority's answer proves nothing: \(why)"
        }
    }
}

/// When an authority says that some bytes were there.
package struct Timestamp: Equatable, Sendable {
    /// Microseconds since 1970.
    package let microseconds: Int64
    /// The authority's number for it, in hexadecimal digits.
    package let serial: String

    /// Verifies a response (TimeStampResp) with OpenSSL: status, what was asked for, signature,
    /// purpose of the certificate, and its chain to one that is trusted, as of the time in it.
    ///
    /// - Parameters:
    ///   - response: In DER, as the authority sent it.
    ///   - request: What it was asked; without a nonce, a later look at the same response.
    ///   - certificates: Those that are trusted: roots, or those of authorities themselves.
    /// - Throws: ``TimestampError`` that says what does not hold.
    package init(
        response: [UInt8], to request: TimestampRequest, trusting certificates: Certificates
    ) throws(TimestampError) {
        // Errors of earlier calls in this thread are not about this one.
        ERR_clear_error()
        let found: Result<Timestamp, TimestampError>
        if let answer = unsafe decoded(
            response, freedBy: { unsafe TS_RESP_free($0) }, { unsafe d2i_TS_RESP(nil, $0, $1) })
        {
            defer { unsafe TS_RESP_free(answer) }
            found = unsafe Self.verify(answer, request, certificates)
        } else {
            found = .failure(.notAResponse)
        }
        self = try found.get()
    }

    private init(microseconds: Int64, serial: String) {
        self.microseconds = microseconds
        self.serial = serial
    }

    private static func verify(
        _ response: OpaquePointer, _ request: TimestampRequest, _ certificates: Certificates
    ) -> Result<Timestamp, TimestampError> {
        guard
            let asked = unsafe decoded(
                request.bytes, freedBy: { unsafe TS_REQ_free($0) },
                { unsafe d2i_TS_REQ(nil, $0, $1) })
        else { return .failure(.refused(firstProblem())) }
        defer { unsafe TS_REQ_free(asked) }
        guard let verification = unsafe TS_REQ_to_TS_VERIFY_CTX(asked, nil) else {
            return .failure(.refused(firstProblem()))
        }
        // It frees the store, too.
        defer { unsafe TS_VERIFY_CTX_free(verification) }
        guard case .success(let store) = unsafe certificates.store() else {
            preconditionFailure("certificates are read before they are used")
        }
        unsafe ascolto_trust(verification, store)
        unsafe TS_VERIFY_CTX_add_flags(verification, Int32(TS_VFY_SIGNATURE))
        let told = unsafe TS_RESP_get_tst_info(response).flatMap { unsafe time(of: $0) }
        if let told {
            // A certificate that has run out since was good when it was used.
            let parameters = unsafe X509_STORE_get0_param(store)
            unsafe X509_VERIFY_PARAM_set_time(parameters, told.seconds)
            // Who is trusted directly needs nobody who vouches for them.
            unsafe X509_VERIFY_PARAM_set_flags(parameters, UInt(X509_V_FLAG_PARTIAL_CHAIN))
        }
        guard unsafe TS_RESP_verify_response(verification, response) == 1 else {
            return .failure(.refused(firstProblem()))
        }
        guard let told else { return .failure(.notAResponse) }
        let info = unsafe TS_RESP_get_tst_info(response)
        return .success(
            Timestamp(
                microseconds: Int64(told.seconds) * 1_000_000 + told.microseconds,
                serial: unsafe hexadecimal(TS_TST_INFO_get_serial(info))))
    }

    /// The seconds since 1970, and the microseconds behind them.
    private static func time(
        of info: OpaquePointer
    ) -> (seconds: time_t, microseconds: Int64)? {
        var parts = unsafe tm()
        guard let told = unsafe TS_TST_INFO_get_time(info),
            unsafe ASN1_TIME_to_tm(told, &parts) == 1
        else { return nil }
        // Digits behind a point, cut to six.
        let text = unsafe octets(of: told)
        let digits = text.drop { $0 != UInt8(ascii: ".") }.dropFirst()
            .prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.prefix(6)
        var microseconds: Int64 = 0
        for place in 0..<6 {
            let digit = place < digits.count ? digits[digits.startIndex + place] - 48 : 0
            microseconds = microseconds * 10 + Int64(digit)
        }
        return (unsafe timegm(&parts), microseconds)
    }

    private static func hexadecimal(_ number: UnsafePointer<ASN1_INTEGER>?) -> String {
        guard let number = unsafe number else { return "" }
        return unsafe octets(of: number).map { byte in
            let digits = String(byte, radix: 16)
            return byte < 16 ? "0" + digits : digits
        }.joined()
    }

    private static func octets(of string: UnsafePointer<ASN1_STRING>) -> [UInt8] {
        let start = unsafe ASN1_STRING_get0_data(string)
        // The string outlives this call, which copies it.
        return unsafe Array(
            UnsafeBufferPointer(start: start, count: Int(ASN1_STRING_length(string))))
    }
}

/// Certificates that are trusted, in PEM, one after the other.
package struct Certificates: Sendable {
    private let bytes: [UInt8]

    /// Throws ``TimestampError`` where there is none, or one that is damaged.
    package init(pem bytes: [UInt8]) throws(TimestampError) {
        self.bytes = bytes
        switch unsafe store() {
        case .success(let store): unsafe X509_STORE_free(store)
        case .failure(let error): throw error
        }
    }

    /// A store of them, for the caller to free.
    fileprivate func store() -> Result<OpaquePointer, TimestampError> {
        ERR_clear_error()
        return unsafe bytes.withUnsafeBytes { bytes in
            guard
                let input = unsafe BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count))
            else { return unsafe .failure(.noCertificates) }
            defer { unsafe BIO_free(input) }
            guard let store = unsafe X509_STORE_new() else {
                return unsafe .failure(.noCertificates)
            }
            var count = 0
            while let certificate = unsafe PEM_read_bio_X509(input, nil, nil, nil) {
                // The store keeps a reference of its own.
                unsafe X509_STORE_add_cert(store, certificate)
                unsafe X509_free(certificate)
                count += 1
            }
            let isAtEnd = ascolto_found_no_more()
            let problem = firstProblem()
            if isAtEnd, count > 0 { return unsafe .success(store) }
            unsafe X509_STORE_free(store)
            return unsafe .failure(isAtEnd ? .noCertificates : .badCertificate(count + 1, problem))
        }
    }
}

/// What is decoded from DER, if it is that and nothing else; the caller frees it.
private func decoded(
    _ bytes: [UInt8], freedBy free: (OpaquePointer?) -> Void,
    _ decode: (UnsafeMutablePointer<UnsafePointer<UInt8>?>, Int) -> OpaquePointer?
) -> OpaquePointer? {
    // Decoding copies; the bytes are used within the call only.
    unsafe bytes.withUnsafeBufferPointer { buffer in
        var next = buffer.baseAddress
        guard let value = unsafe decode(&next, buffer.count) else { return nil }
        let end = unsafe buffer.baseAddress.map { unsafe $0 + buffer.count }
        guard unsafe next == end else {
            unsafe free(value)
            return nil
        }
        return unsafe value
    }
}

/// What OpenSSL says is wrong: its reason, and what it adds to it.
private func firstProblem() -> String {
    var problems: [String] = []
    while problems.count < 8 {
        var data: UnsafePointer<CChar>?
        var flags: Int32 = 0
        let code = unsafe ERR_get_error_all(nil, nil, nil, &data, &flags)
        guard code != 0 else { break }
        var problem =
            unsafe ERR_reason_error_string(code).map { unsafe String(cString: $0) }
            ?? "error \(code)"
        if flags & ERR_TXT_STRING != 0, let data = unsafe data {
            problem += " (\(unsafe String(cString: data)))"
        }
        problems.append(problem)
    }
    ERR_clear_error()
    return problems.isEmpty ? "it cannot be verified" : problems.joined(separator: "; ")
}
