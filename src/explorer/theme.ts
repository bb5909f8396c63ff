/** Colours that the canvas draws with: those of the style sheet, read anew when the theme changes. */
export interface Palette {
  readonly background: string
  readonly lane: string
  readonly line: string
  readonly text: string
  readonly faint: string
  readonly message: string
  readonly state: string
  readonly member: string
  readonly power: string
  readonly create: string
  readonly rejected: string
  readonly conflict: string
  readonly reset: string
  readonly finding: string
  readonly divergence: string
  readonly selected: string
  readonly slot: string
  readonly font: string
}

const NAMES = [
  ...['background', 'lane', 'line', 'text', 'faint', 'message', 'state', 'member', 'power', 'create', 'rejected'],
  ...['conflict', 'reset', 'finding', 'divergence', 'selected', 'slot', 'font'],
] as readonly (keyof Palette)[]

export function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement)
  return Object.fromEntries(
    NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]),
  ) as unknown as Palette
}

export type Theme = 'light' | 'dark'

/** What the system prefers, until somebody chooses; the choice is kept as long as the page is open. */
export class Themes {
  readonly #prefersDark = matchMedia('(prefers-color-scheme: dark)')
  readonly #listeners: ((theme: Theme) => void)[] = []
  #chosen: Theme | null = null
  /** Paper is white. */
  #isPrinting = false

  constructor() {
    for (const [name, isPrinting] of [
      ['beforeprint', true],
      ['afterprint', false],
    ] as const) {
      addEventListener(name, () => {
        this.#isPrinting = isPrinting
        this.#apply()
      })
    }
    this.#prefersDark.addEventListener('change', () => this.#apply())
    this.#apply()
  }

  get now(): Theme {
    if (this.#isPrinting) return 'light'
    return this.#chosen ?? (this.#prefersDark.matches ? 'dark' : 'light')
  }

  toggle(): void {
    this.#chosen = this.now === 'dark' ? 'light' : 'dark'
    this.#apply()
  }

  onChange(listener: (theme: Theme) => void): void {
    this.#listeners.push(listener)
  }

  #apply(): void {
    document.documentElement.dataset['theme'] = this.now
    for (const listener of this.#listeners) listener(this.now)
  }
}
