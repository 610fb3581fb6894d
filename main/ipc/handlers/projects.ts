import type { HandlersOf } from '../../../preload/contract'
import type { projectRequests } from '../../../preload/contract/projects'
import type { ModelReport } from '../../projects/types'
import { readExcerpt } from '../excerpt'
import type { HandlerServices } from './services'

export function projectHandlers({ projects }: HandlerServices): HandlersOf<typeof projectRequests> {
  return {
    'model:inspect': async (source) => withExcerpts(await projects.inspect(source)),
    'model:cancel': async () => projects.cancelInspection(),
    'projects:list': () => projects.list(),
    'projects:create': ({ name, source }) => projects.create(source, name),
    'projects:add-sample': ({ sample }) => projects.addSample(sample),
    'projects:open': ({ projectId }) => projects.open(projectId),
    'projects:visit': ({ projectId }) => projects.visit(projectId),
    'projects:rename': ({ projectId, name }) => projects.rename(projectId, name),
    'projects:duplicate': ({ projectId, name }) => projects.duplicate(projectId, name),
    'projects:remap': ({ projectId, dataTrain, dataTest }) => projects.remap(projectId, dataTrain, dataTest),
    'projects:reread': ({ projectId }) => projects.reread(projectId),
    'projects:reveal': ({ projectId, what }) => projects.reveal(projectId, what),
    'projects:delete': ({ projectId }) => projects.delete(projectId),
    'app:undo-delete': ({ undo }) => projects.undoDelete(undo),
  }
}

/** Notes show the lines they are about, as errors do. */
async function withExcerpts(report: ModelReport): Promise<ModelReport> {
  const notes = report.notes.map(async (note) => {
    if (note.file === undefined || note.line === undefined) return note
    const excerpt = await readExcerpt(note.file, note.line)
    return excerpt === null ? note : { ...note, excerpt }
  })
  return { ...report, notes: await Promise.all(notes) }
}
