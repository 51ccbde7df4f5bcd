/// One service of one centre, with what happens there in a week.
struct Place {
    /// Counted from 0.
    let centre: Int
    /// Its place among the services.
    let service: Int
    let serviceName: String
    /// Calls to be expected in a week.
    let weeklyCalls: Double

    /// The name of the centre, such as `c1`.
    var centreName: String { Self.name(ofCentre: centre) }

    static func name(ofCentre centre: Int) -> String { "c\(centre + 1)" }

    /// The name of the service in its centre, such as `c1.anagrafe`.
    var name: String { "\(centreName).\(serviceName)" }

    /// The name under which messages to the service are counted, such as `c1.anagrafe.messages`.
    var messageQueue: String { "\(name).messages" }
}
