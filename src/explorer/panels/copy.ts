import {make} from '../dom.ts'

/** How long it is said that something was copied. */
const SAID_MS = 1500

/** A button that copies a text as it is, whatever of it can be shown. */
export function copyButton(words: string, text: () => string): HTMLButtonElement {
  const button = make('button', {type: 'button', class: 'copy'})
  button.textContent = words
  const say = (result: string): void => {
    button.textContent = result
    window.setTimeout(() => {
      button.textContent = words
    }, SAID_MS)
  }
  button.addEventListener('click', () => {
    copy(text()).then(
      () => say('Copied'),
      () => say('The browser does not allow it'),
    )
  })
  return button
}

/** Not every browser has a clipboard for a file that was opened from disk. */
async function copy(text: string): Promise<void> {
  const {clipboard} = navigator as {readonly clipboard?: Clipboard}
  if (clipboard === undefined) throw new Error('no clipboard')
  await clipboard.writeText(text)
}
