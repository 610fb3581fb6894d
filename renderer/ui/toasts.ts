// Short messages at the window's edge. Shown by UiToaster, which App holds once.

import { shallowRef } from 'vue'

export interface ToastMessage {
  title: string
  description?: string
  tone?: 'info' | 'good' | 'bad'
  action?: { label: string; run: () => void }
}

export interface ShownToast extends ToastMessage {
  number: number
}

/** Older ones make room. */
const most = 4

const shown = shallowRef<readonly ShownToast[]>([])
let next = 1

export function useToasts() {
  function show(message: ToastMessage): void {
    shown.value = [...shown.value, { ...message, number: next++ }].slice(-most)
  }

  function dismiss(number: number): void {
    shown.value = shown.value.filter((toast) => toast.number !== number)
  }

  return { toasts: shown, show, dismiss }
}
