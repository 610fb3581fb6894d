// The app makes no connection: Chromium's own traffic is switched off, and what a page asks for anyway is refused unless
// it is one of the app's own files.

import type { CommandLine, Session } from 'electron'

/** Chromium's features that call home, by its own names for them. */
const quietSwitches: [string, string?][] = [
  ['disable-background-networking'],
  ['disable-component-update'],
  ['disable-domain-reliability'],
  ['disable-sync'],
  ['no-pings'],
  ['dns-prefetch-disable'],
  ['disable-features', 'OptimizationHints,MediaRouter,Translate,AutofillServerCommunication'],
  // a proxy script would be fetched
  ['no-proxy-server'],
]

/** Before the app is ready. */
export function quietChromium(commandLine: Pick<CommandLine, 'appendSwitch'>): void {
  for (const [name, value] of quietSwitches) commandLine.appendSwitch(name, value)
}

const ownSchemes = new Set(['app:', 'devtools:', 'data:', 'blob:'])

export function isLocal(address: string): boolean {
  try {
    return ownSchemes.has(new URL(address).protocol)
  } catch {
    return false
  }
}

export function blockNetwork(session: Session): void {
  session.webRequest.onBeforeRequest((details, answer) => answer({ cancel: !isLocal(details.url) }))
  // Neither keeps Chromium from looking up the dictionaries' host at the start: lockNavigation's host-resolver-rules do.
  session.setSpellCheckerEnabled(false)
  session.setSpellCheckerDictionaryDownloadURL('app://none/')
}
