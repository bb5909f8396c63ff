import type {PageData} from '../../report/explorer/page-data.ts'
import {count} from '../../report/printable.ts'
import {label, make, said} from '../dom.ts'
import type {Themes} from '../theme.ts'
import {missingIn} from '../model/room.ts'
import type {PanelContext} from './context.ts'
import {tallyBadges} from './findings-panel.ts'

interface Actions {
  readonly fit: () => void
  readonly zoom: (factor: number) => void
  readonly help: () => void
}

/** How much closer a button goes. */
const ZOOM = 2

/** The room's name, how it stands, search, and the few buttons that are always there. */
export function header({room, selected}: PanelContext, themes: Themes, actions: Actions): HTMLElement {
  const {graph, data} = room
  const missing = missingIn(room)
  const search = make('input', {
    type: 'search',
    id: 'search',
    placeholder: 'Search: event, user, type, text',
    'aria-label': 'Search events and slots',
    autocomplete: 'off',
    spellcheck: 'false',
  })
  search.value = selected.now.find
  search.addEventListener('input', () => selected.set({find: search.value, tab: 'search'}, 'step'))
  search.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') selected.set({find: search.value, tab: 'search'})
    if (event.key === 'Escape') search.blur()
  })
  selected.onChange(({find}) => {
    if (search.value !== find) search.value = find
  })
  const theme = make('button', {type: 'button', onclick: () => themes.toggle()})
  const name = (): void => {
    const other = themes.now === 'dark' ? 'light' : 'dark'
    theme.textContent = other === 'dark' ? '☾' : '☀'
    theme.setAttribute('aria-label', `Use ${other} colours (t)`)
    theme.title = `Use ${other} colours (t)`
  }
  themes.onChange(name)
  name()
  return make(
    'header',
    {class: 'top'},
    make(
      'h1',
      {title: label(graph.roomId, 300)},
      make('bdi', {}, label(data.room.name ?? graph.roomId, 60)),
      make(
        'small',
        {},
        `${count(graph.size - missing, 'event')}${missing === 0 ? '' : `, ${missing.toLocaleString('en-US')} missing`}, version `,
        said(graph.rules.id, 20),
      ),
    ),
    make(
      'button',
      {type: 'button', class: 'tally', title: 'Findings', onclick: () => selected.set({tab: 'findings'})},
      tally(data),
    ),
    make('div', {class: 'find'}, search),
    make(
      'div',
      {class: 'buttons'},
      make(
        'span',
        {class: 'segments', role: 'group', 'aria-label': 'Zoom'},
        make(
          'button',
          {type: 'button', title: 'Farther (-)', 'aria-label': 'Farther (-)', onclick: () => actions.zoom(1 / ZOOM)},
          '−',
        ),
        make(
          'button',
          {type: 'button', title: 'Show the whole room (0)', 'aria-label': 'Whole room (0)', onclick: actions.fit},
          'Whole',
          make('span', {class: 'wide'}, ' room'),
        ),
        make(
          'button',
          {type: 'button', title: 'Closer (+)', 'aria-label': 'Closer (+)', onclick: () => actions.zoom(ZOOM)},
          '+',
        ),
      ),
      theme,
      make(
        'button',
        {
          type: 'button',
          title: 'What signs and words mean, and all keys (?)',
          'aria-label': 'Help: signs, words and keys',
          onclick: actions.help,
        },
        make('span', {class: 'wide'}, 'Help '),
        '?',
      ),
    ),
  )
}

function tally({findings, room}: PageData): readonly HTMLElement[] {
  const parts = tallyBadges(findings)
  // What is missing may hide more than what was found.
  if (!room.complete) return [...parts, make('span', {class: 'badge undetermined'}, 'incomplete')]
  return parts.length > 0 ? parts : [make('span', {class: 'badge accepted'}, 'nothing wrong')]
}
