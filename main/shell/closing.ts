// The end of the app while a run is on: asked, because the window's end would be the run's.

import { type BrowserWindow, dialog } from 'electron'

import type { Texts } from './texts'

export type ClosingChoice = 'pause-and-quit' | 'hide' | 'cancel'

/** The first answer is the one that loses nothing and needs no thought; Escape changes nothing. */
const choices: ClosingChoice[] = ['pause-and-quit', 'hide', 'cancel']

export async function askAboutRun(window: BrowserWindow, texts: Texts): Promise<ClosingChoice> {
  const { response } = await dialog.showMessageBox(window, {
    type: 'question',
    message: texts.t('closeMessage'),
    detail: texts.t('closeDetail'),
    buttons: [texts.t('closePause'), texts.t('closeHide'), texts.t('cancel')],
    defaultId: 0,
    cancelId: 2,
    noLink: true,
  })
  return choices[response]
}
