// What main says itself: menu, dialogs, notifications. From the same locale files as the window's texts.

import { createCoreContext, translate } from '@intlify/core'

import en from '../../resources/locales/en/native.json'
import zhCN from '../../resources/locales/zh-CN/native.json'

export type Language = 'en' | 'zh-CN'
export type NativeText = keyof typeof en

const messages = { en, 'zh-CN': zhCN } satisfies Record<Language, Record<NativeText, string>>

export class Texts {
  private readonly context = createCoreContext({ locale: 'en', fallbackLocale: 'en', messages })

  get language(): Language {
    return this.context.locale as Language
  }

  set language(language: Language) {
    this.context.locale = language
  }

  t(key: NativeText, named: Record<string, string | number> = {}): string {
    const text = translate(this.context, key, named)
    return typeof text === 'string' ? text : key
  }
}

/** The system's language where the app speaks it; English elsewhere. */
export function chooseLanguage(setting: Language | 'system', systemLocale: string): Language {
  if (setting !== 'system') return setting
  return /^zh\b/i.test(systemLocale) ? 'zh-CN' : 'en'
}
