/// A kind of things that an organisation has, under its key in a description.
///
/// In an order in which each can mean those before it.
package enum Section: String, CaseIterable, Hashable, Sendable {
    case services
    case skills
    case calendars
    case centres
    case policies = "routing_policies"
    case queues
    case entryPoints = "entry_points"
    case teams
    case operators
    case serviceLevels = "slas"
    case metrics = "metric_definitions"
    case agreements = "monitoring_agreements"

    /// One of them, in words.
    package var thing: String {
        switch self {
        case .services: "service"
        case .skills: "skill"
        case .calendars: "calendar"
        case .centres: "centre"
        case .policies: "routing policy"
        case .queues: "queue"
        case .entryPoints: "entry point"
        case .teams: "team"
        case .operators: "operator"
        case .serviceLevels: "service level"
        case .metrics: "metric definition"
        case .agreements: "monitoring agreement"
        }
    }

    /// What the stream of one of them begins with; its name follows.
    package var streamPrefix: String {
        switch self {
        case .operators: StreamPrefix.operator
        case .services, .skills, .calendars, .centres, .policies, .queues, .entryPoints,
            .teams, .serviceLevels, .metrics, .agreements:
            StreamPrefix.organisation + rawValue + "/"
        }
    }
}
