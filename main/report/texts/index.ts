import { en } from './en'
import { zhCN } from './zhCN'

export type { ReportTexts } from './en'

export const reportTexts = { en, 'zh-CN': zhCN }
export type ReportLanguage = keyof typeof reportTexts
