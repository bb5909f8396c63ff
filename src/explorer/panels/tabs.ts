import {make} from '../dom.ts'
import type {Selected, Tab} from '../model/selection.ts'
import {TABS} from '../model/selection.ts'
import type {Panel} from './context.ts'

export const TAB_WORDS: Readonly<Record<Tab, string>> = {
  findings: 'Findings',
  event: 'Event',
  state: 'State',
  slot: 'Slot life',
  sides: 'Servers',
  search: 'Search',
  about: 'About',
}

/** Tabs as assistive technology knows them: arrow keys go along, one tab is in the order of focus. */
export function tabs(selected: Selected, panels: Readonly<Record<Tab, Panel>>): HTMLElement {
  const buttons = new Map<Tab, HTMLButtonElement>()
  const views = new Map<Tab, HTMLElement>()
  for (const tab of TABS) {
    buttons.set(
      tab,
      make(
        'button',
        {
          type: 'button',
          role: 'tab',
          id: `tab-${tab}`,
          'aria-controls': `panel-${tab}`,
          onclick: () => selected.set({tab}),
        },
        TAB_WORDS[tab],
      ),
    )
    views.set(
      tab,
      make(
        'div',
        {role: 'tabpanel', id: `panel-${tab}`, 'aria-labelledby': `tab-${tab}`, class: 'panel', tabindex: '0'},
        panels[tab].element,
      ),
    )
  }
  const list = make('div', {role: 'tablist', 'aria-label': 'What is shown', class: 'tabs'}, [...buttons.values()])
  list.addEventListener('keydown', (event) => {
    const step = {ArrowRight: 1, ArrowLeft: -1}[event.key]
    if (step === undefined) return
    event.preventDefault()
    event.stopPropagation()
    const at = TABS.indexOf(selected.now.tab)
    const tab = TABS[(at + step + TABS.length) % TABS.length] ?? 'findings'
    selected.set({tab})
    buttons.get(tab)?.focus()
  })
  const show = (): void => {
    const {tab} = selected.now
    for (const one of TABS) {
      const isShown = one === tab
      const button = buttons.get(one)
      button?.setAttribute('aria-selected', String(isShown))
      button?.setAttribute('tabindex', isShown ? '0' : '-1')
      const view = views.get(one)
      if (view !== undefined) view.hidden = !isShown
    }
    panels[tab].render()
  }
  let frame = 0
  selected.onChange((now, before, manner) => {
    if (now.tab !== before.tab || (manner === 'jump' && now.row !== before.row)) {
      const view = views.get(now.tab)
      if (view !== undefined) view.scrollTop = 0
    }
    // Of many steps in one frame only the last is rendered.
    cancelAnimationFrame(frame)
    frame = requestAnimationFrame(show)
  })
  show()
  return make('aside', {class: 'side', 'aria-label': 'Details'}, list, [...views.values()])
}
