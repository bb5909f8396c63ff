import {count} from '../../report/printable.ts'
import {label, make, said} from '../dom.ts'
import type {Themes} from '../theme.ts'
import type {PanelContext} from './context.ts'
import {SEVERITIES} from './findings-panel.ts'

interface Actions {
  readonly fit: () => void
  readonly help: () => void
}

/** The room's name, how it stands, search, and the few buttons that are always there. */
export function header({room, selected}: PanelContext, themes: Themes, actions: Actions): HTMLElement {
  const {graph, data} = room
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
  const theme = make('button', {type: 'button', class: 'theme', onclick: () => themes.toggle()})
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
      make('small', {}, `${count(graph.size, 'event')}, version `, said(graph.rules.id, 20)),
    ),
    make(
      'button',
      {type: 'button', class: 'tally', title: 'Findings', onclick: () => selected.set({tab: 'findings'})},
      tally(
        data.findings.map(({severity}) => severity),
        data.room.complete,
      ),
    ),
    make('div', {class: 'find'}, search),
    make(
      'div',
      {class: 'buttons'},
      make('button', {type: 'button', title: 'Show the whole room (0)', onclick: actions.fit}, 'Whole room'),
      theme,
      make(
        'button',
        {
          type: 'button',
          title: 'What the signs mean, and all keys (?)',
          'aria-label': 'Help: signs and keys',
          onclick: actions.help,
        },
        make('span', {class: 'wide'}, 'Signs '),
        '?',
      ),
    ),
  )
}

function tally(severities: readonly string[], isComplete: boolean): readonly (HTMLElement | string)[] {
  const parts = SEVERITIES.flatMap((severity) => {
    const number = severities.filter((one) => one === severity).length
    return number === 0 ? [] : [make('span', {class: `badge ${severity}`}, count(number, severity))]
  })
  // What is missing may hide more than what was found.
  if (!isComplete) return [...parts, make('span', {class: 'badge undetermined'}, 'incomplete')]
  return parts.length > 0 ? parts : [make('span', {class: 'badge accepted'}, 'nothing wrong')]
}
