import ts from 'typescript'

/** A piece of source, by offsets, and what stands there instead. */
export interface Edit {
  readonly operator: string
  readonly start: number
  readonly end: number
  readonly text: string
}

type Operator = (node: ts.Node, file: ts.SourceFile) => readonly Edit[]

const Kind = ts.SyntaxKind

const BINARY: Readonly<Partial<Record<ts.SyntaxKind, readonly string[]>>> = {
  [Kind.LessThanToken]: ['<=', '>='],
  [Kind.LessThanEqualsToken]: ['<', '>'],
  [Kind.GreaterThanToken]: ['>=', '<'],
  [Kind.GreaterThanEqualsToken]: ['>', '<'],
  [Kind.EqualsEqualsEqualsToken]: ['!=='],
  [Kind.ExclamationEqualsEqualsToken]: ['==='],
  [Kind.AmpersandAmpersandToken]: ['||'],
  [Kind.BarBarToken]: ['&&'],
  [Kind.PlusToken]: ['-'],
  [Kind.MinusToken]: ['+'],
  [Kind.AsteriskToken]: ['+'],
  [Kind.AsteriskAsteriskToken]: ['*'],
  [Kind.PercentToken]: ['*'],
  [Kind.AmpersandToken]: ['|'],
  [Kind.BarToken]: ['&'],
  [Kind.LessThanLessThanToken]: ['>>'],
  [Kind.GreaterThanGreaterThanToken]: ['<<'],
  [Kind.PlusEqualsToken]: ['-='],
  [Kind.MinusEqualsToken]: ['+='],
  [Kind.BarEqualsToken]: ['='],
}

/** Constants by name that a tired hand takes for each other: each becomes the next of its list, of three both others. */
const CONSTANTS: Readonly<Record<string, readonly string[]>> = {
  Decision: ['Pass', 'Allow', 'Reject'],
  Membership: ['Join', 'Invite', 'Leave', 'Ban', 'Knock', 'None', 'Other'],
  Role: ['Create', 'Power', 'Sender', 'Target', 'JoinRules', 'ThirdParty', 'Authoriser'],
  Type: ['Create', 'Member', 'PowerLevels', 'JoinRules', 'ThirdPartyInvite', 'Aliases', 'Redaction'],
  Flag: ['State', 'Missing', 'Foreign', 'Cyclic', 'Faulty', 'AuthoriserUnsigned', 'TokenUnreadable'],
  Verdict: ['Undetermined', 'Accepted', 'Rejected'],
}

const METHODS: Readonly<Record<string, string>> = {
  some: 'every',
  every: 'some',
  find: 'findLast',
  findLast: 'find',
  findIndex: 'findLastIndex',
  min: 'max',
  max: 'min',
  startsWith: 'endsWith',
  push: 'unshift',
  trunc: 'ceil',
}

/** Calls in a chain that may be left out. */
const DROPPED = ['filter', 'sort', 'slice', 'reverse', 'replaceAll', 'map']

const at = (node: ts.Node, file: ts.SourceFile, operator: string, text: string): Edit => ({
  operator,
  start: node.getStart(file),
  end: node.getEnd(),
  text,
})

/** The `k += 1` of a loop: without it the loop never ends, which says nothing. */
const isStep = (node: ts.Node): boolean => ts.isForStatement(node.parent) && node.parent.incrementor === node

/** The `0` of `list[k] ?? 0`: there for the compiler only. */
const isForCompiler = (node: ts.Node): boolean => {
  const {parent} = node
  if (ts.isPrefixUnaryExpression(parent)) return true
  const isFallback = ts.isBinaryExpression(parent) && parent.operatorToken.kind === Kind.QuestionQuestionToken
  return isFallback && parent.right === node && ts.isElementAccessExpression(parent.left)
}

const isText = (node: ts.Node): boolean =>
  ts.isStringLiteralLike(node) ||
  ts.isTemplateExpression(node) ||
  (ts.isBinaryExpression(node) && (isText(node.left) || isText(node.right)))

const binary: Operator = (node, file) => {
  if (!ts.isBinaryExpression(node) || isText(node) || isStep(node)) return []
  const all = BINARY[node.operatorToken.kind] ?? []
  const texts = ts.isForStatement(node.parent) ? all.slice(0, 1) : all
  const edits = texts.map((text) => at(node.operatorToken, file, 'operator', text))
  const isDifference = node.operatorToken.kind === Kind.MinusToken
  if (isDifference && ts.isIdentifier(node.left) && ts.isIdentifier(node.right)) {
    edits.push(at(node, file, 'order', `${node.right.text} - ${node.left.text}`))
  }
  return edits
}

/** `x ?? y`: always y; and x alone, unless x is an element of an array, where `y` is for the compiler only. */
const fallback: Operator = (node, file) => {
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== Kind.QuestionQuestionToken) return []
  const edits = [at(node, file, 'fallback', node.right.getText(file))]
  if (!ts.isElementAccessExpression(node.left)) edits.push(at(node, file, 'fallback', node.left.getText(file)))
  return edits
}

const negation: Operator = (node, file) => {
  if (!ts.isPrefixUnaryExpression(node)) return []
  if (node.operator !== Kind.ExclamationToken && node.operator !== Kind.MinusToken) return []
  if (node.operator === Kind.MinusToken && isForCompiler(node)) return []
  return [at(node, file, 'negation', node.operand.getText(file))]
}

const condition: Operator = (node, file) => {
  if (ts.isIfStatement(node)) {
    return ['true', 'false'].map((text) => at(node.expression, file, 'condition', text))
  }
  if (ts.isConditionalExpression(node)) {
    return ['true', 'false'].map((text) => at(node.condition, file, 'condition', text))
  }
  if (ts.isWhileStatement(node)) return [at(node.expression, file, 'condition', 'false')]
  return ts.isForStatement(node) && node.condition !== undefined ? [at(node.condition, file, 'condition', 'false')] : []
}

const jump: Operator = (node, file) => {
  const onlyInIf = ts.isIfStatement(node.parent) && node.parent.elseStatement === undefined
  if (ts.isBreakStatement(node)) {
    return [at(node, file, 'jump', 'continue'), ...(onlyInIf ? [] : [at(node, file, 'jump', '{}')])]
  }
  if (ts.isContinueStatement(node)) {
    return [at(node, file, 'jump', 'break'), ...(onlyInIf ? [] : [at(node, file, 'jump', '{}')])]
  }
  return []
}

const statement: Operator = (node, file) => {
  if (!ts.isExpressionStatement(node)) return []
  if (ts.isCallExpression(node.expression) && node.expression.expression.kind === Kind.SuperKeyword) return []
  return [at(node, file, 'statement', '{}')]
}

const constant: Operator = (node, file) => {
  if (node.kind === Kind.TrueKeyword) return [at(node, file, 'constant', 'false')]
  if (node.kind === Kind.FalseKeyword) return [at(node, file, 'constant', 'true')]
  if (ts.isNumericLiteral(node)) {
    if (isForCompiler(node) || isStep(node.parent)) return []
    const value = Number(node.text)
    return [at(node, file, 'constant', value === 1 ? '0' : String(value + 1))]
  }
  if (!ts.isPropertyAccessExpression(node) || !ts.isIdentifier(node.expression)) return []
  const names = CONSTANTS[node.expression.text] ?? []
  const index = names.indexOf(node.name.text)
  if (index < 0) return []
  const steps = names.length === 3 ? [1, 2] : [1]
  return steps.map((step) => at(node.name, file, 'constant', names[(index + step) % names.length] ?? ''))
}

/** Names that the code looks for: content keys, join rules, algorithms. */
const text: Operator = (node, file) => {
  if (!ts.isStringLiteral(node)) return []
  const {parent} = node
  if (ts.isPropertyAssignment(parent) && parent.name === node) return []
  return [at(node, file, 'text', node.text === '' ? "'x'" : "''")]
}

const call: Operator = (node, file) => {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return []
  const {name, expression} = node.expression
  const edits: Edit[] = []
  const other = METHODS[name.text]
  if (other !== undefined) edits.push(at(name, file, 'method', other))
  if (name.text === 'pop' && !ts.isForStatement(node.parent)) edits.push(at(name, file, 'method', 'shift'))
  if (DROPPED.includes(name.text)) edits.push(at(node, file, 'call', expression.getText(file)))
  if (name.text === 'sort') edits.push(at(node, file, 'order', `${node.getText(file)}.reverse()`))
  return edits
}

/** One of several entries left out: a rule, a type, a group. */
const entry: Operator = (node, file) => {
  if (!ts.isArrayLiteralExpression(node) || ts.isBinaryExpression(node.parent)) return []
  const entries = node.elements.filter(({kind}) => kind !== Kind.TrueKeyword && kind !== Kind.FalseKeyword)
  return entries.map((element): Edit => {
    const rest = node.elements.filter((other) => other !== element)
    return at(node, file, 'entry', `[${rest.map((other) => other.getText(file)).join(', ')}]`)
  })
}

/** What a rule says of itself left out: which versions have it, what it applies to, when it is asked. */
const property: Operator = (node, file) => {
  if (!ts.isPropertyAssignment(node) || !ts.isIdentifier(node.name)) return []
  if (!['when', 'applies', 'onReceipt', 'types'].includes(node.name.text)) return []
  const edits = [at(node, file, 'property', `...{}`)]
  if (node.name.text === 'when') edits.push(at(node, file, 'property', 'when: () => false'))
  return edits
}

const OPERATORS: readonly Operator[] = [
  binary,
  fallback,
  negation,
  condition,
  jump,
  statement,
  constant,
  text,
  call,
  entry,
  property,
]

export function editsOf(node: ts.Node, file: ts.SourceFile): readonly Edit[] {
  return OPERATORS.flatMap((operator) => operator(node, file))
}
