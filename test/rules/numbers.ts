/**
 * The number of every rule in every room version, copied by hand from the rendered pages of the spec
 * (https://spec.matrix.org/v1.19/rooms/v1/#authorisation-rules and so on), so that nothing in `src` can make it agree with itself.
 * `-`: the room version has no such line.
 */
const TABLE = `
rule                                    v1-2     v3-5     v6       v7       v8-9     v10      v11      v12
create.has-prev-events                  1.1      1.1      1.1      1.1      1.1      1.1      1.1      1.1
create.room-id-domain                   1.2      1.2      1.2      1.2      1.2      1.2      1.2      -
create.has-room-id                      -        -        -        -        -        -        -        1.2
create.unknown-version                  1.3      1.3      1.3      1.3      1.3      1.3      1.3      1.3
create.no-creator                       1.4      1.4      1.4      1.4      1.4      1.4      -        -
create.additional-creators              -        -        -        -        -        -        -        1.4
create.allow                            1.5      1.5      1.5      1.5      1.5      1.5      1.4      1.5
room-id                                 -        -        -        -        -        -        -        2
auth-events.duplicate                   2.1      2.1      2.1      2.1      2.1      2.1      2.1      3.1
auth-events.unexpected                  2.2      2.2      2.2      2.2      2.2      2.2      2.2      3.2
auth-events.rejected                    2.3      2.3      2.3      2.3      2.3      2.3      2.3      3.3
auth-events.no-create                   2.4      2.4      2.4      2.4      2.4      2.4      2.4      -
auth-events.other-room                  2.5      2.5      2.5      2.5      2.5      2.5      2.5      3.4
federate                                3        3        3        3        3        3        3        4
aliases.no-state-key                    4.1      4.1      -        -        -        -        -        -
aliases.other-server                    4.2      4.2      -        -        -        -        -        -
aliases.allow                           4.3      4.3      -        -        -        -        -        -
member.malformed                        5.1      5.1      4.1      4.1      4.1      4.1      4.1      5.1
member.authoriser.unsigned              -        -        -        -        4.2.1    4.2.1    4.2.1    5.2.1
member.join.creator                     5.2.1    5.2.1    4.2.1    4.2.1    4.3.1    4.3.1    4.3.1    5.3.1
member.join.other                       5.2.2    5.2.2    4.2.2    4.2.2    4.3.2    4.3.2    4.3.2    5.3.2
member.join.banned                      5.2.3    5.2.3    4.2.3    4.2.3    4.3.3    4.3.3    4.3.3    5.3.3
member.join.invited                     5.2.4    5.2.4    4.2.4    4.2.4    4.3.4    4.3.4    4.3.4    5.3.4
member.join.restricted.invited          -        -        -        -        4.3.5.1  4.3.5.1  4.3.5.1  5.3.5.1
member.join.restricted.authoriser       -        -        -        -        4.3.5.2  4.3.5.2  4.3.5.2  5.3.5.2
member.join.restricted.allow            -        -        -        -        4.3.5.3  4.3.5.3  4.3.5.3  5.3.5.3
member.join.public                      5.2.5    5.2.5    4.2.5    4.2.5    4.3.6    4.3.6    4.3.6    5.3.6
member.join.refused                     5.2.6    5.2.6    4.2.6    4.2.6    4.3.7    4.3.7    4.3.7    5.3.7
member.invite.third-party.banned        5.3.1.1  5.3.1.1  4.3.1.1  4.3.1.1  4.4.1.1  4.4.1.1  4.4.1.1  5.4.1.1
member.invite.third-party.no-signed     5.3.1.2  5.3.1.2  4.3.1.2  4.3.1.2  4.4.1.2  4.4.1.2  4.4.1.2  5.4.1.2
member.invite.third-party.no-token      5.3.1.3  5.3.1.3  4.3.1.3  4.3.1.3  4.4.1.3  4.4.1.3  4.4.1.3  5.4.1.3
member.invite.third-party.other-user    5.3.1.4  5.3.1.4  4.3.1.4  4.3.1.4  4.4.1.4  4.4.1.4  4.4.1.4  5.4.1.4
member.invite.third-party.unknown-token 5.3.1.5  5.3.1.5  4.3.1.5  4.3.1.5  4.4.1.5  4.4.1.5  4.4.1.5  5.4.1.5
member.invite.third-party.other-sender  5.3.1.6  5.3.1.6  4.3.1.6  4.3.1.6  4.4.1.6  4.4.1.6  4.4.1.6  5.4.1.6
member.invite.third-party.signed        5.3.1.7  5.3.1.7  4.3.1.7  4.3.1.7  4.4.1.7  4.4.1.7  4.4.1.7  5.4.1.7
member.invite.third-party.unsigned      5.3.1.8  5.3.1.8  4.3.1.8  4.3.1.8  4.4.1.8  4.4.1.8  4.4.1.8  5.4.1.8
member.invite.sender-not-joined         5.3.2    5.3.2    4.3.2    4.3.2    4.4.2    4.4.2    4.4.2    5.4.2
member.invite.target-in-room            5.3.3    5.3.3    4.3.3    4.3.3    4.4.3    4.4.3    4.4.3    5.4.3
member.invite.power                     5.3.4    5.3.4    4.3.4    4.3.4    4.4.4    4.4.4    4.4.4    5.4.4
member.invite.refused                   5.3.5    5.3.5    4.3.5    4.3.5    4.4.5    4.4.5    4.4.5    5.4.5
member.leave.self                       5.4.1    5.4.1    4.4.1    4.4.1    4.5.1    4.5.1    4.5.1    5.5.1
member.leave.sender-not-joined          5.4.2    5.4.2    4.4.2    4.4.2    4.5.2    4.5.2    4.5.2    5.5.2
member.leave.unban                      5.4.3    5.4.3    4.4.3    4.4.3    4.5.3    4.5.3    4.5.3    5.5.3
member.leave.kick                       5.4.4    5.4.4    4.4.4    4.4.4    4.5.4    4.5.4    4.5.4    5.5.4
member.leave.refused                    5.4.5    5.4.5    4.4.5    4.4.5    4.5.5    4.5.5    4.5.5    5.5.5
member.ban.sender-not-joined            5.5.1    5.5.1    4.5.1    4.5.1    4.6.1    4.6.1    4.6.1    5.6.1
member.ban.power                        5.5.2    5.5.2    4.5.2    4.5.2    4.6.2    4.6.2    4.6.2    5.6.2
member.ban.refused                      5.5.3    5.5.3    4.5.3    4.5.3    4.6.3    4.6.3    4.6.3    5.6.3
member.knock.join-rule                  -        -        -        4.6.1    4.7.1    4.7.1    4.7.1    5.7.1
member.knock.other                      -        -        -        4.6.2    4.7.2    4.7.2    4.7.2    5.7.2
member.knock.allow                      -        -        -        4.6.3    4.7.3    4.7.3    4.7.3    5.7.3
member.knock.refused                    -        -        -        4.6.4    4.7.4    4.7.4    4.7.4    5.7.4
member.unknown                          5.6      5.6      4.6      4.7      4.8      4.8      4.8      5.8
sender-not-joined                       6        6        5        5        5        5        5        6
third-party-invite.power                7.1      7.1      6.1      6.1      6.1      6.1      6.1      7.1
required-power                          8        8        7        7        7        7        7        8
state-key-of-other                      9        9        8        8        8        8        8        9
power-levels.not-integer                -        -        -        -        -        9.1      9.1      10.1
power-levels.not-integers               -        -        -        -        -        9.2      9.2      10.2
power-levels.users                      10.1     10.1     9.1      9.1      9.1      9.3      9.3      10.3
power-levels.lists-creator              -        -        -        -        -        -        -        10.4
power-levels.first                      10.2     10.2     9.2      9.2      9.2      9.4      9.4      10.5
power-levels.named.old                  10.3.1   10.3.1   9.3.1    9.3.1    9.3.1    9.5.1    9.5.1    10.6.1
power-levels.named.new                  10.3.2   10.3.2   9.3.2    9.3.2    9.3.2    9.5.2    9.5.2    10.6.2
power-levels.events.old                 10.4.1   10.4.1   9.4.1    9.4.1    9.4.1    9.6.1    9.6.1    10.7.1
power-levels.events.new                 10.5.1   10.5.1   9.5.1    9.5.1    9.5.1    9.7.1    9.7.1    10.8.1
power-levels.users.old                  10.6.1   10.6.1   9.6.1    9.6.1    9.6.1    9.8.1    9.8.1    10.9.1
power-levels.users.new                  10.7.1   10.7.1   9.7.1    9.7.1    9.7.1    9.9.1    9.9.1    10.10.1
power-levels.allow                      10.8     10.8     9.8      9.8      9.8      9.10     9.10     10.11
redaction.power                         11.1     -        -        -        -        -        -        -
redaction.own-server                    11.2     -        -        -        -        -        -        -
redaction.refused                       11.3     -        -        -        -        -        -        -
allow                                   12       11       10       10       10       10       10       11
`

/** Every room version that the program knows, by column of the table. Written out: a version added to `src` needs a column here. */
const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  'v1-2': ['1', '2'],
  'v3-5': ['3', '4', '5'],
  v6: ['6'],
  v7: ['7'],
  'v8-9': ['8', '9'],
  v10: ['10'],
  v11: ['11'],
  v12: ['12', 'org.matrix.hydra.11'],
}

export const VERSIONS: readonly string[] = Object.values(COLUMNS).flat()

function readTable(): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const [header = [], ...rows] = TABLE.trim()
    .split('\n')
    .map((line) => line.split(/ +/))
  return new Map(
    VERSIONS.map((version) => {
      const column = header.findIndex((name) => COLUMNS[name]?.includes(version))
      const lines = rows.map(([rule = '', ...numbers]) => [rule, numbers[column - 1] ?? ''] as const)
      return [version, new Map(lines.filter(([, number]) => number !== '-'))]
    }),
  )
}

const BY_VERSION = readTable()

/** Rule name to number, in the order of the spec. */
export function numbersOf(version: string): ReadonlyMap<string, string> {
  return BY_VERSION.get(version) ?? new Map<string, string>()
}

/** The versions whose rules have this line. */
export function versionsWith(rule: string): readonly string[] {
  return VERSIONS.filter((version) => numbersOf(version).has(rule))
}
