import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import ts from 'typescript'
import {type Edit, editsOf} from './operators.ts'

/** One deliberate mistake in one file. */
export interface Mutant {
  /** The file, where in it, and the code before and after: names the mutant in lists, whatever its line. */
  readonly id: string
  /** Relative to the checkout. */
  readonly file: string
  readonly operator: string
  /** The whole file, with the mistake. */
  readonly source: string
}

/** Code that changes words for people and no answer. */
const WORDING_KEYS = ['because', 'culprit', 'name', 'cause', 'hint', 'message']
const WORDING_FUNCTIONS = ['stateOf', 'slotName', 'authoriserState', 'notEnough', 'malformed', 'wrong', 'show']

function isWording(node: ts.Node, file: ts.SourceFile): boolean {
  if (ts.isThrowStatement(node)) return true
  if (ts.isPropertyAssignment(node)) return WORDING_KEYS.includes(node.name.getText(file))
  if (ts.isFunctionDeclaration(node)) return WORDING_FUNCTIONS.includes(node.name?.text ?? '')
  if (ts.isVariableDeclaration(node) && node.initializer !== undefined && ts.isArrowFunction(node.initializer)) {
    return WORDING_FUNCTIONS.includes(node.name.getText(file))
  }
  return false
}

const isForTypes = (node: ts.Node): boolean =>
  ts.isTypeNode(node) ||
  ts.isInterfaceDeclaration(node) ||
  ts.isTypeAliasDeclaration(node) ||
  ts.isImportDeclaration(node) ||
  (ts.isExportDeclaration(node) && node.exportClause === undefined)

/** Name of the function, method, rule or constant around a node. */
function scopeOf(node: ts.Node, file: ts.SourceFile): string {
  for (let at = node.parent; !ts.isSourceFile(at); at = at.parent) {
    if (ts.isFunctionDeclaration(at) || ts.isMethodDeclaration(at) || ts.isGetAccessor(at))
      return at.name?.getText(file) ?? ''
    if (ts.isConstructorDeclaration(at)) return 'constructor'
    if (ts.isPropertyDeclaration(at)) return at.name.getText(file)
    if (
      ts.isVariableDeclaration(at) &&
      ts.isVariableStatement(at.parent.parent) &&
      ts.isSourceFile(at.parent.parent.parent)
    ) {
      return at.name.getText(file)
    }
    if (ts.isObjectLiteralExpression(at)) {
      const name = at.properties.find((property) => property.name?.getText(file) === 'name')
      if (name !== undefined && ts.isPropertyAssignment(name) && ts.isStringLiteral(name.initializer))
        return name.initializer.text
    }
  }
  return ''
}

const MIN_CONTEXT = 14
const MAX_CONTEXT = 110

/** However its lines are broken. */
const oneLine = (text: string): string =>
  text
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/([([{]) /g, '$1')
    .replaceAll(/,? ([)\]}])/g, '$1')
    .trim()

/** The code around an edit, as it is and as it becomes; both short. */
function describe(node: ts.Node, file: ts.SourceFile, edit: Edit): string {
  let context = node
  while (context.getWidth(file) < MIN_CONTEXT && context.parent.getWidth(file) <= MAX_CONTEXT) context = context.parent
  if (context.getWidth(file) > MAX_CONTEXT)
    return `${shorten(file.text.slice(edit.start, edit.end))} -> ${shorten(edit.text)}`
  const [from, to] = [Math.min(context.getStart(file), edit.start), Math.max(context.getEnd(), edit.end)]
  const before = file.text.slice(from, to)
  const after = file.text.slice(from, edit.start) + edit.text + file.text.slice(edit.end, to)
  return `${shorten(before)} -> ${shorten(after)}`
}

function shorten(given: string): string {
  const text = oneLine(given)
  return text.length <= MAX_CONTEXT ? text : `${text.slice(0, MAX_CONTEXT / 2)} … ${text.slice(-MAX_CONTEXT / 2)}`
}

/** Every mutant of a file, in the order of the code. */
export function mutantsOf(root: string, path: string): readonly Mutant[] {
  const text = readFileSync(join(root, path), 'utf8')
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const mutants: Mutant[] = []
  const seen = new Map<string, number>()
  const sources = new Set<string>([text])
  const visit = (node: ts.Node): void => {
    if (isForTypes(node) || isWording(node, file)) return
    for (const edit of editsOf(node, file)) {
      const source = text.slice(0, edit.start) + edit.text + text.slice(edit.end)
      if (sources.has(source)) continue
      sources.add(source)
      const id = `${path.replace(/^src\//, '')} ${scopeOf(node, file)}: ${describe(node, file, edit)}`
      const count = (seen.get(id) ?? 0) + 1
      seen.set(id, count)
      mutants.push({id: count === 1 ? id : `${id} #${String(count)}`, file: path, operator: edit.operator, source})
    }
    ts.forEachChild(node, visit)
  }
  ts.forEachChild(file, visit)
  return mutants
}
