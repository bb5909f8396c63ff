import {Args, Flags} from '@oclif/core'
import {BaseCommand, failOnFlag} from '../../src/cli/base-command.ts'
import {EXIT, type ExitCode, exitCodeForFindings, worstOf} from '../../src/cli/exit-codes.ts'
import {describeFetch} from '../../src/cli/fetch-progress.ts'
import {verificationForms} from '../../src/cli/show-case.ts'
import {verifyCase} from '../../src/index.ts'

export default class CaseVerify extends BaseCommand {
  static override summary = 'Check the IDs, rooms, hashes and signatures of all events in a case file.'
  static override description =
    'Signatures are checked with the keys in the case and those of --keys, as valid when the event was sent. What cannot be checked ends with exit code 3: it is not called good. Redacted content is not called tampering.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> room.case',
    '<%= config.bin %> <%= command.id %> room.case --keys keys.json --json',
  ]
  static override args = {case: Args.string({required: true, description: 'case file'})}
  static override flags = {
    keys: Flags.string({
      summary: "A file of servers' signing keys; repeatable.",
      helpValue: 'FILE',
      multiple: true,
      multipleNonGreedy: true,
    }),
    full: Flags.boolean({summary: 'Show all findings.'}),
    'fail-on': failOnFlag('error'),
  }

  async run(): Promise<ExitCode> {
    const {args, flags} = await this.parse(CaseVerify)
    const progress = this.progress()
    try {
      const result = await verifyCase(args.case, flags.keys ?? [], Date.now(), {
        signal: this.interruption(),
        onProgress: ({copies: done, total, perSecond}) => {
          progress.update(describeFetch({kind: 'verifying', done, total, perSecond}))
        },
      })
      progress.end()
      await this.show(await verificationForms(args.case, result, this.style(flags.full)))
      return worstOf(
        exitCodeForFindings(result.findings, flags['fail-on']),
        result.complete ? EXIT.done : EXIT.inconclusive,
      )
    } finally {
      progress.end()
    }
  }
}
