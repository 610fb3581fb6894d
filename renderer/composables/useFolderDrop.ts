// A folder dropped anywhere on the window is one to import. Views that take other files handle their own drops first
// (preventDefault on the drop), and images are left to them.

import { useEventListener } from '@vueuse/core'
import { ref } from 'vue'

import { pathOfFile } from '../bridge'

export function useFolderDrop(onFolder: (folder: string) => void) {
  /** Something that may be a folder is held over the window. */
  const over = ref(false)

  /** While it is held only kind and type are told; a folder has no type. */
  function mayBeFolder(transfer: DataTransfer | null): boolean {
    const items = [...(transfer?.items ?? [])]
    return items.length > 0 && items.every(({ kind, type }) => kind === 'file' && type === '')
  }

  useEventListener(window, 'dragover', (drag) => {
    over.value = mayBeFolder(drag.dataTransfer)
    // Without this the page would be left for the file.
    drag.preventDefault()
    if (!over.value && drag.dataTransfer !== null && !drag.defaultPrevented)
      drag.dataTransfer.dropEffect = 'none'
  })

  useEventListener(window, 'dragleave', (drag) => {
    if (drag.relatedTarget === null) over.value = false
  })

  useEventListener(window, 'drop', (drop) => {
    over.value = false
    if (drop.defaultPrevented) return
    drop.preventDefault()
    const [item] = drop.dataTransfer?.items ?? []
    const [file] = drop.dataTransfer?.files ?? []
    if (item === undefined || file === undefined || item.type.startsWith('image/')) return
    const dropped = pathOfFile(file)
    if (dropped === '') return
    // A net or its weights stand for the folder they are in.
    onFolder(item.webkitGetAsEntry()?.isDirectory === true ? dropped : dropped.replace(/[/\\][^/\\]*$/, ''))
  })

  return { over }
}
