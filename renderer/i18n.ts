// The window's texts, from resources/locales/<language>/<area>.json as keys `<area>.<name>`.

import { createI18n } from 'vue-i18n'

export const languages = ['en', 'zh-CN'] as const
export type Language = (typeof languages)[number]

type Texts = { [key: string]: string | Texts }

const files = import.meta.glob<Texts>('../resources/locales/*/*.json', { eager: true, import: 'default' })

function textsOf(language: Language): Texts {
  const areas = Object.entries(files).flatMap(([file, texts]): [string, Texts][] => {
    const [folder, name] = file.split('/').slice(-2)
    return folder === language ? [[name.replace('.json', ''), texts]] : []
  })
  return Object.fromEntries(areas)
}

export const i18n = createI18n({
  legacy: false,
  locale: 'en',
  fallbackLocale: 'en',
  messages: { en: textsOf('en'), 'zh-CN': textsOf('zh-CN') },
})

export function setLanguage(language: Language): void {
  i18n.global.locale.value = language
  document.documentElement.lang = language
}
