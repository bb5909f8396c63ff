import {make} from '../dom.ts'

/** How long it is said that something was copied. */
const SAID_MS = 2000

/** A button that copies a text, and says that it did; where the browser forbids it, the text is shown to be copied by hand. */
export function copyButton(words: string, title: string, text: string): HTMLElement {
  const button = make('button', {type: 'button', class: 'small', title}, words)
  const told = make('span', {role: 'status', class: 'copied'})
  button.addEventListener('click', () => {
    void copy(text).then((isCopied) => {
      told.textContent = isCopied ? 'copied' : text
      if (isCopied) setTimeout(() => (told.textContent = ''), SAID_MS)
    })
  })
  return make('span', {}, button, told)
}

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return false
  }
}
