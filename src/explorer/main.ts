/** The program of the page that `explore` writes: unpacks the room, replays it, and shows it. */
import {start} from './app.ts'
import {decodePageData} from './decode.ts'
import {Themes} from './theme.ts'

async function open(): Promise<void> {
  const root = document.getElementById('app')
  const data = document.getElementById('data')
  if (root === null || data === null) throw new Error('the page is damaged: it lacks its data')
  const themes = new Themes()
  try {
    // The program is here and runs: what the file says for when it does not is no longer true.
    root.textContent = 'Opening…'
    const page = await decodePageData(data.textContent)
    data.remove()
    // The words on the page are to be seen before the replay takes the thread.
    root.textContent = 'Replaying…'
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
    start(page, root, themes)
  } catch (error) {
    root.textContent = `The room cannot be shown: ${error instanceof Error ? error.message : String(error)}`
    root.dataset['ready'] = 'failed'
  }
}

void open()
