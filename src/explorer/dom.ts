import {printable} from '../report/printable.ts'

export type Child = Node | string | null | readonly Child[]

export interface Attributes {
  readonly class?: string
  readonly onclick?: (event: MouseEvent) => void
  readonly [name: string]: string | number | boolean | undefined | null | ((event: never) => void)
}

/** An element. Texts are texts: nothing that a room holds is ever read as HTML. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue
    if (name.startsWith('on') && typeof value === 'function') {
      element.addEventListener(name.slice(2), value as EventListener)
    } else element.setAttribute(name, value === true ? '' : String(value))
  }
  add(element, children)
  return element
}

export function add(element: Element, children: readonly Child[]): void {
  for (const child of children) {
    if (child === null) continue
    if (typeof child === 'string' || child instanceof Node) element.append(child)
    else add(element, child)
  }
}

export function fill(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren()
  add(element, children)
}

/** Characters of a text that are shown at once. */
const SHOWN = 300

/**
 * Text from the room: escaped as the terminal shows it, set apart from the direction of what stands around it, and cut where it is long,
 * with a way to see all of it.
 */
export function said(text: string, shown = SHOWN): HTMLElement {
  const safe = printable(text)
  const bdi = make('bdi', {class: 'said'})
  const chars = [...safe]
  if (chars.length <= shown) {
    bdi.textContent = safe
    return bdi
  }
  const short = `${chars.slice(0, shown).join('')}…`
  bdi.textContent = short
  const button = make('button', {class: 'more', type: 'button', 'aria-expanded': 'false'})
  const show = (isOpen: boolean): void => {
    bdi.textContent = isOpen ? safe : short
    button.textContent = isOpen ? 'show less' : `show all ${chars.length.toLocaleString('en-US')} characters`
    button.setAttribute('aria-expanded', String(isOpen))
  }
  button.addEventListener('click', (event) => {
    event.stopPropagation()
    show(button.getAttribute('aria-expanded') !== 'true')
  })
  show(false)
  return make('span', {}, bdi, ' ', button)
}

/** The same in one line, cut for good: for labels. */
export function label(text: string, columns = 60): string {
  return printable(text, columns)
}

/** At a glance the beginning of an ID tells it from others. */
export function shortId(id: string): string {
  return id.length > 14 ? `${printable(id.slice(0, 11))}…` : printable(id)
}
