// A run told on one page, and where a run lies on disk.

import { type Schema } from '../schema'
import { runAddress } from './common'

export const reportRequests = {
  'report:save': runAddress,
  'report:reveal-run': runAddress,
} satisfies Record<string, Schema<unknown>>

export interface ReportResponses {
  /** The HTML file written, null where the dialog was cancelled. */
  'report:save': string | null
  /** Shows the run's folder in the file manager. */
  'report:reveal-run': void
}
