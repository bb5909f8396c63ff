/**
 * Who may know whom: the layers of ARCHITECTURE.md as rules. One row a folder; all rules about folders are made from it.
 *
 * - `imports`: folders whose code it may use
 * - `shapes`: folders whose types it may name, but whose code it may not call
 * - `pure`: no I/O and no clock, hence no Node builtin but `crypto`
 * - `packages`: npm packages that may be named here and, unless another row lists them, nowhere else
 */
const LAYERS = {
  matrix: {imports: [], pure: true, why: 'The vocabulary knows nothing that is built with it.'},
  graph: {imports: ['matrix'], pure: true, why: 'A graph is there before anything is judged or resolved.'},
  auth: {
    imports: ['matrix', 'graph'],
    pure: true,
    why: 'Whether an event may exist does not depend on how state is resolved.',
  },
  resolve: {
    imports: ['matrix', 'graph', 'auth'],
    pure: true,
    why: 'Resolution computes; what is wrong with the result is for forensics.',
  },
  finding: {imports: [], pure: true, why: 'The catalogue of findings is read by all and knows nobody.'},
  forensics: {
    imports: ['matrix', 'graph', 'auth', 'resolve', 'finding'],
    pure: true,
    why: 'Forensics judges evidence that it is handed; where it came from is for investigate.',
  },
  devices: {
    imports: ['matrix', 'finding'],
    pure: true,
    why: 'Encryption is judged without the room graph and without a server.',
  },
  sources: {
    imports: ['matrix'],
    packages: ['matrix-js-sdk', 'undici', 'pg', 'json5'],
    why: 'A source brings evidence and draws no conclusions.',
  },
  casefile: {
    imports: ['matrix'],
    shapes: ['finding', 'sources'],
    why: 'A case file keeps evidence and draws no conclusions.',
  },
  profile: {
    imports: ['matrix'],
    why: 'A profile says who asks; it is there before any question.',
  },
  investigate: {
    imports: [
      'matrix',
      'graph',
      'auth',
      'resolve',
      'finding',
      'forensics',
      'devices',
      'sources',
      'casefile',
      'profile',
    ],
    shapes: ['report'],
    why: 'Use cases compose everything below, and know nothing of terminals. The data of a page are a shape of report, which they fill.',
  },
  report: {
    imports: ['matrix', 'finding'],
    shapes: ['graph', 'auth', 'resolve', 'forensics', 'devices', 'investigate'],
    pure: true,
    packages: ['chalk', 'cli-table3', 'graphology'],
    why: 'A report renders what it is given: it knows shapes, not sources.',
  },
  explorer: {
    imports: ['matrix', 'graph', 'auth', 'resolve', 'finding', 'forensics', 'report'],
    shapes: ['investigate'],
    packages: ['konva', '@noble'],
    why: "The page's program runs in a browser: the pure engine and what renders it, nothing that asks a server.",
  },
  cli: {
    imports: ['matrix', 'finding', 'report', 'profile', 'investigate'],
    packages: ['@oclif', '@inquirer'],
    why: 'Terminal habits in one place, on top of everything.',
  },
}

const folders = Object.keys(LAYERS)
const anyOf = (names) => `(${names.join('|')})`
const npm = (names) => `(^|/)node_modules/${anyOf(names)}([/-]|$)`

const layerRules = folders.flatMap((folder) => {
  const {imports, shapes = [], why} = LAYERS[folder]
  const known = [folder, ...imports, ...shapes]
  const strangers = folders.filter((other) => !known.includes(other))
  return [
    {
      name: `layer-${folder}`,
      comment: why,
      severity: 'error',
      from: {path: `^src/${folder}/`},
      to: {path: [`^src/${anyOf(strangers)}/`, '^src/index[.]ts$', '^commands/', '^bin/']},
    },
    ...(shapes.length === 0
      ? []
      : [
          {
            name: `shapes-only-${folder}`,
            comment: `${why} From ${shapes.join(', ')} it may take types only.`,
            severity: 'error',
            from: {path: `^src/${folder}/`},
            to: {path: `^src/${anyOf(shapes)}/`, dependencyTypesNot: ['type-only']},
          },
        ]),
  ]
})

const pure = folders.filter((folder) => LAYERS[folder].pure)
const packages = [...new Set(folders.flatMap((folder) => LAYERS[folder].packages ?? []))]

const packageRules = packages.map((name) => {
  const homes = folders.filter((folder) => LAYERS[folder].packages?.includes(name)).map((folder) => `^src/${folder}/`)
  if (name === '@oclif') homes.push('^commands/')
  return {
    name: `package-${name.replace('@', '')}`,
    comment: `${name} has a home, so that it can be replaced there and nowhere else.`,
    severity: 'error',
    from: {path: '^(src|commands)/', pathNot: homes},
    to: {path: npm([name])},
  }
})

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...layerRules,
    ...packageRules,
    {
      name: 'errors-know-nobody',
      comment: 'Everybody may throw a StateError, so errors.ts can depend on nothing.',
      severity: 'error',
      from: {path: '^src/errors[.]ts$'},
      to: {},
    },
    {
      name: 'pure-no-builtins',
      comment: 'The engine does no I/O and reads no clock: same input, same answer. Hashing is no I/O.',
      severity: 'error',
      from: {path: `^src/${anyOf(pure)}/`},
      to: {dependencyTypes: ['core'], pathNot: '^(node:)?crypto$'},
    },
    {
      name: 'pure-no-packages',
      comment: 'The engine stands on nothing but the language; only report has packages whose point is rendering.',
      severity: 'error',
      from: {path: `^src/${anyOf(pure)}/`},
      to: {path: '(^|/)node_modules/', pathNot: npm(LAYERS.report.packages)},
    },
    {
      name: 'sqlite-has-a-home',
      comment: 'SQL is written where evidence is kept (casefile) or read from a Synapse database (sources).',
      severity: 'error',
      from: {path: '^(src|commands)/', pathNot: '^src/(casefile|sources)/'},
      to: {path: '^(node:)?sqlite$'},
    },
    {
      name: 'commands-are-thin',
      comment: 'A command parses flags, makes one call into the typed library, and renders.',
      severity: 'error',
      from: {path: '^commands/'},
      to: {path: '^(src|commands|bin)/', pathNot: '^src/(cli/|index[.]ts$|errors[.]ts$)'},
    },
    {
      name: 'no-circular',
      comment: 'Two modules that need each other are one module, or lack a third.',
      severity: 'error',
      from: {},
      to: {circular: true},
    },
    {
      name: 'no-orphans',
      comment:
        'Code that nobody uses is to be wired up or removed. The bundler puts the shims of the page where Node has its own.',
      severity: 'error',
      from: {orphan: true, path: '^(src|commands)/', pathNot: '^src/explorer/[a-z]+-shim[.]ts$'},
      to: {},
    },
    {
      name: 'not-to-test',
      comment: 'What users get does not depend on tests.',
      severity: 'error',
      from: {path: '^(src|commands|bin)/'},
      to: {path: '^test/'},
    },
    {
      name: 'not-to-unresolvable',
      comment: 'A module that cannot be found escapes every other rule.',
      severity: 'error',
      from: {},
      to: {couldNotResolve: true},
    },
    {
      name: 'not-to-dev-dep',
      comment:
        'What users get cannot import what only developers install. The program of the page is bundled with what it needs.',
      severity: 'error',
      from: {path: '^(src|commands)/', pathNot: '^src/explorer/'},
      to: {dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only']},
    },
  ],
  options: {
    doNotFollow: {path: 'node_modules'},
    tsPreCompilationDeps: true,
    tsConfig: {fileName: 'tsconfig.json'},
    enhancedResolveOptions: {exportsFields: ['exports'], conditionNames: ['import', 'node', 'default']},
    builtInModules: {add: ['node:sqlite', 'sqlite']},
  },
}
