// What the user sets for the whole app, in plain JSON. Shared with the window through preload/contract.

export interface AppSettings {
  formatVersion: 1
  language: 'system' | 'en' | 'zh-CN'
  theme: 'system' | 'light' | 'dark'
  device: 'cpu' | 'cuda'
  /** OpenMP threads of the engine; null: as many as there are cores. */
  threads: number | null
  /** Absolute folder that holds the projects; null: the app's own data folder. Takes effect at the next start. */
  dataFolder: string | null
  /** Iterations between two checkpoints of a run; null: by the run's length. */
  checkpointIntervalIterations: number | null
  /** The last so many checkpoints of a run are kept. */
  keepCheckpoints: number
  /** Tell by a notification of the system when a run ends. */
  notifications: boolean
}

export const defaultSettings: AppSettings = {
  formatVersion: 1,
  language: 'system',
  theme: 'system',
  device: 'cpu',
  threads: null,
  dataFolder: null,
  checkpointIntervalIterations: null,
  keepCheckpoints: 3,
  notifications: true,
}
