import ContactCentre
import EventLog
import JSON
import Reorganisation
import Testing

/// The telephone part of a history, apart from the groups that callers declare.
///
/// Whatever else the generator tells, the calls of a seed to specialised numbers that are answered
/// in turn, their operators and their order stay what they are: the sums are over nothing else.
struct TelephoneTests {
    @Test(arguments: [
        (UInt64(7), 1, 40, 1, "821cd906-8a93-52e3-ad9f-7500932d8794"),
        (1, 3, 80, 2, "cbe9bb64-d840-57b8-b5b2-53e931b41622"),
        (20_261_123, 9, 700, 1, "90331460-6e18-5cbc-8cfc-86e2cd80d117"),
    ])
    func callsOfASeedStayAsTheyAre(
        seed: UInt64, days: Int, contactsPerDay: Int, centres: Int, sum: String
    ) throws {
        var municipality = Municipality.standard
        municipality.typologies = [.specialisedVertical]
        municipality.boosts = []
        var generator = try Generator(
            GeneratorSettings(
                days: days, contactsPerDay: contactsPerDay, seed: seed, centres: centres),
            municipality: municipality)
        var calls: Set<String> = []
        var chain = EventID(high: 0, low: 0)
        while let day = try generator.nextDay()?.flatMap(\.self) {
            for event in day {
                let stream = event.stream.text
                if event.type.text == ContactEvent.Kind.received.rawValue,
                    event.data.object?.string("channel") == "phone"
                {
                    calls.insert(stream)
                }
                // `c1.anagrafe.a01` answers the telephone, `c1.anagrafe.counter.a01` does not.
                let answers =
                    stream.hasPrefix(StreamPrefix.operator)
                    && stream.split(separator: ".").count == 3
                guard answers || calls.contains(stream), isOfTelephony(event) else { continue }
                chain = EventID(namespace: chain, name: try line(of: event).utf8)
            }
        }
        #expect(chain.description == sum)
    }

    /// Whether it tells of a call or an operator at work, and not of routing or the organisation.
    private func isOfTelephony(_ event: NewEvent) -> Bool {
        let type = event.type.text
        return OrganisationEvent.Kind(type: type) == nil && !type.hasPrefix("routing.")
            && !type.hasPrefix("contact.offer_")
    }

    private func line(of event: NewEvent) throws -> String {
        let id = try #require(event.id)
        let time = try #require(event.time)
        let tags = event.tags.texts.filter {
            !$0.hasPrefix("group.") && !$0.hasPrefix("service:")
        }.joined(separator: " ")
        let data = event.data.content.map { String(decoding: $0, as: UTF8.self) } ?? ""
        return "\(id) \(event.type.text) \(event.stream.text) \(event.source.text) \(time) "
            + "\(tags) \(data)"
    }
}
